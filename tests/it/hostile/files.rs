//! Data files that are larger than they look, or not what they say they are.

use std::{io::Write, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, DictionaryArray, Float64Array, Int8Array, NullArray, RecordBatch,
        StringArray, new_null_array,
    },
    datatypes::{DataType, Int8Type},
    ipc::writer::{FileWriter, IpcWriteOptions},
};
use bytes::Bytes;
use orchestrate::frame::{foreign, guard, parquet as own};
use parquet::{
    arrow::ArrowWriter,
    file::metadata::{ParquetMetaDataBuilder, ParquetMetaDataReader, ParquetMetaDataWriter},
};

use crate::project::Project;

const CSV: &str = "pipeline: small\nstages:\n  a: { uses: ingest.csv, with: { path: f } }\n";
const PARQUET: &str =
    "pipeline: small\nstages:\n  a: { uses: ingest.parquet, with: { path: f } }\n";

/// Runs a source stage on `bytes` in two gigabytes of address space and returns what was said.
fn ingest(pipeline: &str, bytes: &[u8]) -> (i32, String) {
    let project = Project::empty(pipeline);
    project.write("f", bytes);
    let said = project.say_within(2_000, &["run", "-j", "1"]);
    (said.code, said.err)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

#[test]
fn small_files_that_unpack_to_gigabytes_are_refused() {
    let line = "1,2,3\n".repeat(8 << 20);
    let packed = [gz(line.as_bytes()), zstd::stream::encode_all(line.as_bytes(), 19).unwrap()];
    drop(line);
    for bomb in packed.map(|part| part.repeat(100)) {
        assert!(bomb.len() < 8 << 20, "{}", bomb.len());
        for pipeline in [CSV, PARQUET] {
            let (code, err) = ingest(pipeline, &bomb);
            assert_eq!(code, 6, "{err}");
            assert!(err.contains("unpack it first"), "{err}");
        }
    }
}

#[test]
fn text_of_odd_proportions() {
    let long = "x".repeat(10 << 20);
    let quotes = format!("a,b\n1,\"{}", "y\n".repeat(2 << 20));
    let wide = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
    for (what, text, code, expected) in [
        ("a line of 10 MB", format!("a,b\n1,{long}\n2,z\n"), 0, ""),
        ("a header of 10 MB", format!("{long},b\n1,2\n"), 0, ""),
        ("one line without end", long.clone(), 0, "no rows"),
        ("a million columns", format!("{}\n", wide(1_000_000)), 6, "1000000 fields"),
        ("a million commas", ",".repeat(1_000_000), 6, "1000001 fields"),
        (
            "many lines of commas",
            format!("{}\n", ",".repeat(10_000)).repeat(500),
            0,
            "columns have no name either",
        ),
        (
            "a million columns below two",
            format!("a,b\n{}\n", ",".repeat(1_000_000)),
            6,
            "found 1000001",
        ),
        ("a quote without end", quotes, 6, "f:2: a quoted field starts here"),
        ("quotes alone", "\"".repeat((2 << 20) + 1), 6, "a quoted field starts here"),
        ("blank lines", format!("a\n{}1\n", "\n".repeat(5 << 20)), 0, ""),
        ("carriage returns", "\r".repeat(10 << 20), 6, "empty"),
        ("zeros", "\0".repeat(5 << 20), 6, ""),
        ("one column of everything", "1\n".repeat(1 << 20), 0, ""),
        ("nothing but marks", "\u{feff}".repeat(100_000), 0, ""),
    ] {
        let (found, err) = ingest(CSV, text.as_bytes());
        let short: String = err.chars().take(600).collect();
        assert_eq!(found, code, "{what}: {short}");
        assert!(
            err.contains(expected) && err.len() < 64 << 10 || err.len() > 10 << 20,
            "{what}: {short}"
        );
    }
}

#[test]
fn the_widest_table_that_is_allowed_fits() {
    let names: Vec<String> = (0..16_384).map(|i| format!("c{i}")).collect();
    let row = vec!["1"; 16_384].join(",");
    let (code, err) =
        ingest(CSV, format!("{}\n{}", names.join(","), format!("{row}\n").repeat(20)).as_bytes());
    assert_eq!(code, 0, "{err}");
}

fn columnar(batches: &[RecordBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
    bytes
}

fn ipc(batch: &RecordBatch, options: IpcWriteOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer =
        FileWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    drop(writer);
    bytes
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A row group of a million empty values takes a few bytes, and nothing keeps a file from naming it ten thousand times.
#[test]
fn a_small_parquet_file_cannot_hold_billions_of_rows() {
    let nulls = batch(vec![("x", new_null_array(&DataType::Float64, 1 << 20))]);
    let bytes = columnar(&[nulls]);
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(bytes.clone())).unwrap();
    let groups = vec![metadata.row_group(0).clone(); 5_000];
    let metadata = ParquetMetaDataBuilder::new(metadata.file_metadata().clone())
        .set_row_groups(groups)
        .build();
    let mut bomb = bytes;
    ParquetMetaDataWriter::new(&mut bomb, &metadata).finish().unwrap();
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    let (code, err) = ingest(PARQUET, &bomb);
    assert_eq!(code, 6, "{err}");
    assert!(err.contains("times its size"), "{err}");
    assert!(own::read(Bytes::from(bomb)).is_err());
}

/// A text of a megabyte that every row names by a byte, and a column of no values that says how long it is.
#[test]
fn a_small_arrow_file_cannot_unfold_to_gigabytes() {
    let long = StringArray::from(vec!["x".repeat(4 << 20)]);
    let words = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![0; 4_000]), Arc::new(long));
    let words = batch(vec![("w", Arc::new(words))]);
    let nothing = batch(vec![("n", Arc::new(NullArray::new(1 << 40)))]);
    for bomb in [ipc(&words, IpcWriteOptions::default()), ipc(&nothing, IpcWriteOptions::default())]
    {
        assert!(bomb.len() < 5 << 20);
        let (code, err) = ingest(PARQUET, &bomb);
        assert_eq!(code, 6, "{err}");
        assert!(err.contains("times its size"), "{err}");
    }
}

/// Every length, count, offset and type of small files, made wrong in many ways: each is read or refused.
#[test]
fn columnar_files_that_lie() {
    guard::silence();
    let values = batch(vec![
        ("id", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
        ("x", Arc::new(Float64Array::from(vec![Some(1.0), None, Some(3.0)]))),
    ]);
    let lz4 = IpcWriteOptions::default()
        .try_with_compression(Some(arrow::ipc::CompressionType::LZ4_FRAME))
        .unwrap();
    for whole in [
        columnar(std::slice::from_ref(&values)),
        ipc(&values, IpcWriteOptions::default()),
        ipc(&values, lz4),
    ] {
        assert!(foreign::read(Bytes::from(whole.clone()), None).is_ok());
        for at in 0..whole.len() {
            for value in
                [0, 1, 0x7F, 0x80, 0xFF, whole[at] ^ 1, whole[at] ^ 0x40, whole[at].wrapping_add(1)]
            {
                let mut lying = whole.clone();
                lying[at] = value;
                let _ = foreign::read(Bytes::from(lying), None)
                    .map(|found| found.columns.iter().map(|c| c.1.len()).sum::<usize>());
            }
            let mut lying = whole.clone();
            lying[at..].iter_mut().take(8).for_each(|b| *b = 0xFF);
            let _ = foreign::read(Bytes::from(lying.clone()), None);
            lying[at..]
                .iter_mut()
                .take(8)
                .enumerate()
                .for_each(|(i, b)| *b = [0, 0, 0, 0, 0, 1, 0, 0][i]);
            let _ = foreign::read(Bytes::from(lying), None);
            let _ = foreign::read(Bytes::from(whole[..at].to_vec()), None);
        }
    }
}
