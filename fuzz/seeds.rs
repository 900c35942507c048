//! Writes the binary seeds of `corpus/parquet`: `cargo run --release --example seeds -- artifacts/latest/<pipeline>`, where the folder
//! holds a small run with a `transform.fit` and classifiers. It does not know what the fuzzer does with them.

use std::{fs, path::Path, sync::Arc};

use arrow::{
    array::{
        ArrayRef, Decimal128Array, DictionaryArray, Float32Array, Int16Array, Int64Array,
        ListArray, RecordBatch, StringArray, StringViewArray, TimestampNanosecondArray,
        UInt64Array,
    },
    datatypes::Int32Type,
    ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter},
};
use orchestrate::frame;
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use serde_json::{Map, Value, json};

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/parquet");
    let write = |name: &str, bytes: &[u8]| fs::write(corpus.join(name), bytes).expect("a seed");
    write("file", &file(&mixed(), IpcWriteOptions::default()));
    let lz4 = IpcWriteOptions::default()
        .try_with_compression(Some(arrow::ipc::CompressionType::LZ4_FRAME))
        .expect("it is compiled in");
    write("file-lz4", &file(&mixed(), lz4));
    write("stream", &stream(&mixed()));
    for (name, compression) in [
        ("plain", Compression::UNCOMPRESSED),
        ("snappy", Compression::SNAPPY),
        ("zstd", Compression::ZSTD(Default::default())),
        ("gzip", Compression::GZIP(Default::default())),
    ] {
        write(name, &columnar(&mixed(), compression));
    }
    write("nested", &columnar(&nested(), Compression::UNCOMPRESSED));
    let Some(latest) = std::env::args().nth(1) else { return };
    for stage in ["prepare", "forest", "xgb", "logistic"] {
        let path = Path::new(&latest).join(stage).join("model.parquet");
        let table = frame::parquet::read(fs::File::open(&path).expect("a model")).expect("a table");
        write(&format!("{stage}.json"), written(&table).to_string().as_bytes());
        fs::copy(path, corpus.join(format!("{stage}.parquet"))).expect("a seed");
    }
}

fn mixed() -> RecordBatch {
    let words: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
    let price = Decimal128Array::from(vec![110, 25, -1]).with_precision_and_scale(5, 2);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int16Array::from(vec![1, 2, 3]))),
        ("a", Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(1), None]))),
        ("f", Arc::new(Float32Array::from(vec![0.5, f32::NAN, 2.0]))),
        (
            "s",
            Arc::new(StringArray::from(vec![Some("x"), None, Some("long enough to be no view")])),
        ),
        ("v", Arc::new(StringViewArray::from(vec!["x", "long enough to be a view", ""]))),
        ("w", Arc::new(words)),
        ("p", Arc::new(price.expect("it fits"))),
        ("t", Arc::new(TimestampNanosecondArray::from(vec![Some(-1), None, Some(7)]))),
    ];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn nested() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]), None]);
    let columns: Vec<(&str, ArrayRef)> =
        vec![("id", Arc::new(Int64Array::from(vec![7, 8]))), ("tags", Arc::new(list))];
    RecordBatch::try_from_iter(columns).expect("columns of one length")
}

fn file(batch: &RecordBatch, options: IpcWriteOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    let writer = FileWriter::try_new_with_options(&mut bytes, &batch.schema(), options);
    let mut writer = writer.expect("memory takes everything");
    writer.write(batch).expect("memory takes everything");
    writer.finish().expect("memory takes everything");
    drop(writer);
    bytes
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer =
        StreamWriter::try_new(&mut bytes, &batch.schema()).expect("memory takes everything");
    writer.write(batch).expect("memory takes everything");
    writer.finish().expect("memory takes everything");
    drop(writer);
    bytes
}

fn columnar(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let mut bytes = Vec::new();
    let properties = WriterProperties::builder().set_compression(compression).build();
    let writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties));
    let mut writer = writer.expect("memory takes everything");
    writer.write(batch).expect("memory takes everything");
    writer.close().expect("memory takes everything");
    bytes
}

/// The spelling that `targets::parquet` reads.
fn written(table: &frame::Table) -> Value {
    let mut columns = Map::new();
    for (name, array) in table.names().into_iter().zip(table.batch().columns()) {
        let text = |row| arrow::util::display::array_value_to_string(array, row).expect("a value");
        let value = |row: usize| match array.is_null(row) {
            true => Value::Null,
            false if *array.data_type() == arrow::datatypes::DataType::Utf8 => text(row).into(),
            false => serde_json::from_str(&text(row)).unwrap_or(Value::Null),
        };
        columns.insert(name, (0..table.n_rows()).map(value).collect());
    }
    json!({ "metadata": table.schema().metadata(), "columns": columns })
}
