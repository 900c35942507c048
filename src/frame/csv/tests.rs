//! Whole texts to whole sheets.

use arrow::{array::AsArray, datatypes::Float64Type, util::display::array_value_to_string};

use super::*;
use crate::frame::table::type_word;

/// All that was read.
#[derive(Debug, Default)]
struct Sheet {
    names: Vec<String>,
    columns: Vec<ArrayRef>,
    n_rows: usize,
    dialect: Option<Dialect>,
    notes: Vec<String>,
    origins: Origins,
    n_passes: usize,
}

#[derive(Default)]
struct Gathered {
    sheet: Sheet,
    types: Vec<DataType>,
    parts: Vec<Vec<ArrayRef>>,
}

impl Sink for Gathered {
    type Error = CsvError;

    fn start(
        &mut self,
        names: &[String],
        types: &[DataType],
        dialect: &Dialect,
    ) -> Result<(), CsvError> {
        assert!(self.sheet.names.is_empty(), "a pass starts once");
        self.sheet.names = names.to_vec();
        self.sheet.dialect = Some(dialect.clone());
        self.types = types.to_vec();
        self.parts = vec![Vec::new(); types.len()];
        Ok(())
    }

    fn rows(
        &mut self,
        columns: Vec<ArrayRef>,
        first_row: usize,
        _: &Origins,
    ) -> Result<(), CsvError> {
        assert_eq!(first_row, self.sheet.n_rows);
        self.sheet.n_rows += columns[0].len();
        self.parts.iter_mut().zip(columns).for_each(|(part, column)| part.push(column));
        Ok(())
    }
}

fn read_sources(
    sources: Vec<Source<'_>>,
    options: &Options,
    threads: usize,
    window: usize,
) -> Result<Sheet, CsvError> {
    let pool = Pool::new(threads);
    let mut reader = Reader::new(sources, options, &pool, &|_| true);
    reader.window = window;
    for n_passes in 1.. {
        let mut gathered = Gathered::default();
        let Passed::Done(reading) = reader.pass(&mut gathered)? else { continue };
        let joined = gathered.types.iter().zip(&gathered.parts).map(|(ty, parts)| {
            let empty = arrow::array::new_empty_array(ty);
            let mut all = vec![empty.as_ref()];
            all.extend(parts.iter().map(AsRef::as_ref));
            arrow::compute::concat(&all).unwrap()
        });
        let columns = joined.collect();
        let (notes, origins) = (reading.notes, reading.origins);
        return Ok(Sheet { columns, notes, origins, n_passes, ..gathered.sheet });
    }
    unreachable!("a file is read a few times")
}

fn source(file: &str, bytes: &[u8]) -> Source<'static> {
    let bytes = bytes.to_vec();
    let open = move || Ok(Box::new(io::Cursor::new(bytes.clone())) as Box<dyn Read + Send>);
    Source { file: file.to_string(), open: Box::new(open) }
}

fn read_with(text: &str, options: &Options, threads: usize) -> Result<Sheet, CsvError> {
    read_sources(vec![source("f.csv", text.as_bytes())], options, threads, text::window(2))
}

fn sheet(text: &str) -> Sheet {
    read_with(text, &Options::default(), 2).unwrap()
}

fn error(text: &str) -> String {
    read_with(text, &Options::default(), 2).unwrap_err().to_string()
}

fn types(sheet: &Sheet) -> Vec<String> {
    let word = |(n, c): (&String, &ArrayRef)| format!("{n}:{}", type_word(c.data_type()));
    sheet.names.iter().zip(&sheet.columns).map(word).collect()
}

fn column(sheet: &Sheet, j: usize) -> Vec<String> {
    (0..sheet.n_rows).map(|r| array_value_to_string(&sheet.columns[j], r).unwrap()).collect()
}

#[test]
fn types_come_from_all_rows() {
    let mut text = "i;f;b;t;d;z\n".to_string();
    for i in 0..20_000 {
        text.push_str(&format!("{i};{i};true;x{i};2024-01-01;{i}\n"));
    }
    text.push_str("-1; 2.5 ;FALSE;NA;2024-01-02 10:00;00501\r\n");
    let sheet = sheet(&text);
    let expected = ["i:integer", "f:float", "b:boolean", "t:text", "d:timestamp", "z:text"];
    assert_eq!(types(&sheet), expected);
    assert_eq!(sheet.n_rows, 20_001);
    assert_eq!(column(&sheet, 1)[20_000], "2.5");
    assert_eq!(column(&sheet, 3)[20_000], "NA");
    assert_eq!(sheet.dialect.as_ref().unwrap().delimiter, ";");
    assert_eq!(sheet.dialect.as_ref().unwrap().date_order.get("d"), Some(&DateOrder::Ymd));
}

#[test]
fn results_do_not_depend_on_threads() {
    let text = (0..30_000).fold("a,b\n".to_string(), |t, i| t + &format!("{i},\"w\n{}\"\n", i % 7));
    let one = read_with(&text, &Options::default(), 1).unwrap();
    let seven = read_with(&text, &Options::default(), 7).unwrap();
    assert_eq!(one.columns, seven.columns);
    assert_eq!(one.origins.place(29_999), "f.csv:60000");
    assert_eq!(seven.origins.place(29_999), "f.csv:60000");
}

#[test]
fn blanks_are_missing_and_markers_only_where_listed() {
    let text = "a,b\n1,NA\n ,\"\"\n,x\n";
    let plain = sheet(text);
    assert_eq!(types(&plain), ["a:integer", "b:text"]);
    assert_eq!((plain.columns[0].null_count(), plain.columns[1].null_count()), (2, 1));
    let options = Options { null_values: vec!["NA".to_string()], ..Options::default() };
    assert_eq!(read_with(text, &options, 1).unwrap().columns[1].null_count(), 2);
    let missing = sheet("a,b\n,1\n,2\n");
    assert_eq!(types(&missing), ["a:float", "b:integer"]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let cases = [
        ("", "f.csv: the file is empty"),
        (" \n\n", "f.csv: the file is empty"),
        ("a,b,a\n", "f.csv: the header has `a` twice, as columns 1 and 3; rename one"),
        ("a,b\n1,2\n\n1,2,3\n", "f.csv:4: expected 2 fields, found 3"),
        ("a,b\n\"x\ny\",2\n1\n", "f.csv:4: expected 2 fields, found 1"),
        ("a\n1\n1,2\n", "f.csv:3: expected 1 field, found 2"),
        ("a,b\n1,\"2\n3,4\n", "f.csv:2: a quoted field starts here and is never closed"),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected, "{text:?}");
    }
    assert!(error("a,b\n1,\u{0}\n").starts_with("f.csv:2: a NUL byte"));
    assert!(error(" 1 2  3\n 1 2 13\n").contains("fixed width"));
}

#[test]
fn declared_types_win_and_misfits_are_placed() {
    let mut options = Options::default();
    options.types.insert("zip".to_string(), Declared::Text);
    options.types.insert("n".to_string(), Declared::Integer);
    let text = "zip,n\n123,1\n456,2.0\n789,\"x\"\"y\"\n";
    let error = read_with(text, &options, 1).unwrap_err().to_string();
    assert_eq!(error, "f.csv:4: column `n`: `x\"y` is not an integer");
    options.bad_rows = BadRows::Skip;
    let kept = read_with(&(text.to_string() + "1,2,3\n9,9\n"), &options, 1).unwrap();
    assert_eq!(types(&kept), ["zip:text", "n:integer"]);
    assert_eq!((kept.n_rows, column(&kept, 1)), (3, vec!["1".into(), "2".into(), "9".into()]));
    assert_eq!(kept.origins.place(2), "f.csv:6");
    assert!(kept.notes[0].starts_with("2 rows left out; first: f.csv:5"), "{:?}", kept.notes);
    options.types.insert("zpi".to_string(), Declared::Text);
    let error = read_with(text, &options, 1).unwrap_err().to_string();
    assert!(error.ends_with("did you mean `zip`?"), "{error}");
}

#[test]
fn dates_take_the_order_that_all_values_allow() {
    let both = sheet("d\n01/02/2020\n03/04/2020\n");
    assert_eq!(types(&both), ["d:text"]);
    assert!(both.notes[0].contains("date_order"), "{:?}", both.notes);
    let dmy = Options { date_order: Some(DateOrder::Dmy), ..Options::default() };
    let read = read_with("d\n01/02/2020\n03/04/2020\n", &dmy, 1).unwrap();
    assert_eq!(column(&read, 0), ["2020-02-01", "2020-04-03"]);
    // A preference does not overrule what the values say.
    let read = read_with("d\n01/22/2020\n03/04/2020\n", &dmy, 1).unwrap();
    assert_eq!(column(&read, 0), ["2020-01-22", "2020-03-04"]);
    let mut declared = Options::default();
    declared.types.insert("d".to_string(), Declared::Date);
    let error = read_with("d\n01/02/2020\n", &declared, 1).unwrap_err().to_string();
    assert!(error.contains("day first and month first"), "{error}");
}

#[test]
fn notes_say_why_a_column_stays_text() {
    let rows: String = (0..50).map(|i| format!("{i},{i}\n")).collect();
    let noted = sheet(&format!("a,b\n{rows}?,18446744073709551616\n"));
    assert_eq!(types(&noted), ["a:text", "b:text"]);
    assert!(noted.notes[0].contains("`?` (f.csv:52) is not"), "{:?}", noted.notes);
    assert!(noted.notes[1].contains("beyond 64 bits"), "{:?}", noted.notes);
}

#[test]
fn files_are_joined_by_column_name() {
    let read = |second: &str| {
        let files = vec![source("a.csv", b"x,y\n1,2\n"), source("b.csv", second.as_bytes())];
        read_sources(files, &Options::default(), 2, text::window(2))
    };
    let joined = read("y;x\n2.5;3\n").unwrap();
    assert_eq!(types(&joined), ["x:integer", "y:float"]);
    assert_eq!(column(&joined, 0), ["1", "3"]);
    assert_eq!(joined.columns[1].as_primitive::<Float64Type>().values().to_vec(), [2.0, 2.5]);
    assert_eq!(joined.origins.place(1), "b.csv:2");
    let error = read("x,z\n1,2\n").unwrap_err().to_string();
    assert_eq!(
        error,
        "b.csv: its columns differ from those of a.csv: it lacks `y`; it also has `z`"
    );
}

#[test]
fn odd_shapes() {
    let none = sheet("a,b\n");
    assert_eq!((none.n_rows, none.columns.len()), (0, 2));
    assert!(none.notes[0].contains("no rows"));
    assert_eq!(types(&sheet("a\n1\n\n2")), ["a:integer"]);
    assert_eq!(types(&sheet("a,b\r1,x\r2,y\r")), ["a:integer", "b:text"]);
    let index = sheet(",a\n0,5\n");
    assert_eq!(index.names, ["column_1", "a"]);
    let bare = Options { header: false, ..Options::default() };
    let read = read_with("1,2\n3,4\n", &bare, 1).unwrap();
    assert_eq!((read.names, read.n_rows), (vec!["column_1".into(), "column_2".into()], 2));
    let blanks = Options { delimiter: Some(Delimiter::Whitespace), ..bare };
    let read = read_with(" 01  2   3.5\n 02 12  13.5\n", &blanks, 1).unwrap();
    assert_eq!(types(&read), ["column_1:text", "column_2:integer", "column_3:float"]);
    let wide: Vec<String> = (0..1000).map(|i| format!("c{i}")).collect();
    let row = vec!["1.5"; 1000].join(",");
    let wide = sheet(&format!("{}\n{row}\n{row}\n", wide.join(",")));
    assert_eq!((wide.columns.len(), wide.n_rows), (1000, 2));
}

#[test]
fn a_caller_can_stop() {
    let (options, pool) = (Options::default(), Pool::new(1));
    let mut reader = Reader::new(vec![source("f.csv", b"a\n1\n")], &options, &pool, &|_| false);
    let stopped = reader.pass(&mut Gathered::default());
    assert!(matches!(stopped, Err(CsvError::Stopped)));
}

fn encoded(bytes: &[u8], options: &Options, window: usize) -> Result<Sheet, CsvError> {
    read_sources(vec![source("f.csv", bytes)], options, 2, window)
}

#[test]
fn encodings_are_recognised() {
    let read = |bytes: &[u8]| {
        let sheet = encoded(bytes, &Options::default(), text::window(2)).unwrap();
        let first = (0..sheet.columns.len()).map(|j| column(&sheet, j).concat());
        (sheet.names.join("|"), first.collect::<Vec<_>>().join("|"), sheet.notes.join(" "))
    };
    let owned = |a: &str, b: &str, c: &str| (a.to_string(), b.to_string(), c.to_string());
    assert_eq!(read("a,é\n1,ü\n".as_bytes()), owned("a|é", "1|ü", ""));
    assert_eq!(read(b"\xEF\xBB\xBFa,b\n1,2"), owned("a|b", "1|2", ""));
    let note = "f.csv was read as windows-1252";
    assert_eq!(read(b"caf\xE9,b\n\x80,x\n"), owned("café|b", "€|x", note));
    let utf16: Vec<u8> = "id,ü\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&utf16), owned("id|ü", "1|2", "f.csv was read as UTF-16LE"));
    let marked: Vec<u8> = "\u{feff}a\n7\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&marked), owned("a", "7", "f.csv was read as UTF-16BE"));
    let error = |bytes: &[u8], encoding| {
        let options = Options { encoding, ..Options::default() };
        encoded(bytes, &options, text::window(2)).unwrap_err().to_string()
    };
    assert!(error(b"PK\x03\x04rest", None).contains("Excel"));
    let utf8 = error(b"a\nb\xFF", Some(encoding_rs::UTF_8));
    assert_eq!(utf8, "f.csv:2: bytes that are not UTF-8; set another `encoding`");
    assert!(error(b"a\0\n", Some(encoding_rs::UTF_16LE)).contains("not UTF-16LE"));
}

/// What is wrong in the middle of a file is found there, whatever was thought at its beginning.
#[test]
fn a_file_is_read_again_if_its_beginning_misled() {
    let mut text = "i,f,t,d\n".to_string();
    (0..3_000).for_each(|i| text.push_str(&format!("{i},{i},,2024-01-02\n")));
    let window = 4_096;
    let read = |end: &str| {
        encoded(format!("{text}{end}").as_bytes(), &Options::default(), window).unwrap()
    };
    let same = read("7,7,,2024-01-03\n");
    assert_eq!(
        (same.n_passes, types(&same).join(" ")),
        (1, "i:integer f:integer t:float d:date".into())
    );
    let wider = read("x,7.5,y,2024-01-03 10:00\n");
    assert_eq!(
        (wider.n_passes, types(&wider).join(" ")),
        (2, "i:text f:float t:text d:timestamp".into())
    );
    assert_eq!((wider.n_rows, column(&wider, 0)[17].as_str()), (3_001, "17"));
    assert!(wider.notes[0].contains("`x` (f.csv:3002) is not"), "{:?}", wider.notes);
    let mut western = text.clone().into_bytes();
    western.extend(b"7,7,caf\xE9,2024-01-03\n");
    let western = encoded(&western, &Options::default(), window).unwrap();
    assert_eq!(column(&western, 2)[3_000], "café");
    assert_eq!(western.notes, ["f.csv was read as windows-1252"]);
}

/// The order of a declared date was guessed from some rows, and a row that told it from the others was refused for being of
/// another order than the guess.
#[test]
fn the_order_of_a_declared_date_comes_from_all_rows() {
    let mut text = "i,d\n".to_string();
    (0..9_000).for_each(|i| text.push_str(&format!("{i},01-02-2024\n")));
    let declared = [("d".to_string(), Declared::Date)].into();
    let options = Options { types: declared, ..Options::default() };
    let read = |more: &str| read_with(&format!("{text}{more}"), &options, 2);
    let sheet = read("9000,01-24-2024\n").unwrap();
    assert_eq!((types(&sheet)[1].as_str(), sheet.n_passes), ("d:date", 2));
    assert_eq!(
        (column(&sheet, 1)[0].as_str(), column(&sheet, 1)[9_000].as_str()),
        ("2024-01-02", "2024-01-24")
    );
    let error = |more: &str| read(more).unwrap_err().to_string();
    assert!(error("").contains("every value can be read day first and month first"));
    let mixed = error("9000,01-24-2024\n9001,24-01-2024\n");
    assert_eq!(mixed, "f.csv:2: column `d`: `01-02-2024` is not a date (year-month-day)");
    let nothing = error("9000,01-24-2024\n9001,soon\n");
    assert_eq!(nothing, "f.csv:9003: column `d`: `soon` is not a date (month-day-year)");
}

/// Whole numbers beyond 64 bits became missing where a column of numbers was declared.
#[test]
fn no_number_of_a_declared_column_is_lost() {
    let declared = [("n".to_string(), Declared::Number)].into();
    let options = Options { types: declared, ..Options::default() };
    let read = |text: &str| read_with(text, &options, 1);
    let error = read("n\n1\n99999999999999999999\n").unwrap_err().to_string();
    assert_eq!(error, "f.csv:3: column `n`: `99999999999999999999` is not an integer");
    let sheet = read("n\n0.5\n99999999999999999999\n").unwrap();
    assert_eq!(column(&sheet, 0), ["0.5", "1e20"]);
}

/// Windows end anywhere: within quotes, between the bytes of a character, behind a carriage return.
#[test]
fn what_is_read_does_not_depend_on_the_window() {
    let mut text = "k;v;w\r\n".to_string();
    for i in 0..40 {
        text.push_str(&format!("{i};\"é\n;\"\"{i}\";{}.5\r\n", i * 7));
        text.push_str(if i % 9 == 0 { "\n" } else { "" });
    }
    let utf16: Vec<u8> =
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let options = Options { delimiter: Some(Delimiter::Byte(b';')), ..Options::default() };
    let whole = read_with(&text, &options, 1).unwrap();
    assert_eq!((whole.n_rows, whole.origins.place(39)), (40, "f.csv:85".to_string()));
    for window in [8, 9, 10, 11, 64, 100, 1_000] {
        for bytes in [text.as_bytes(), &utf16] {
            let read = encoded(bytes, &options, window).unwrap();
            assert_eq!(read.columns, whole.columns, "{window}");
            assert_eq!(read.origins.place(39), "f.csv:85", "{window}");
        }
    }
    let unclosed = encoded(b"a;b\n1;2\n3;\"4\n", &options, 8).unwrap_err().to_string();
    assert_eq!(unclosed, "f.csv:3: a quoted field starts here and is never closed");
    let blanks = Options { delimiter: Some(Delimiter::Whitespace), ..Options::default() };
    let aligned = "  a   b\n".to_string() + &" 1  \"x  y\" \n".repeat(30);
    for window in [8, 13, 1_000] {
        let read = encoded(aligned.as_bytes(), &blanks, window).unwrap();
        assert_eq!((read.n_rows, column(&read, 1)[29].as_str()), (30, "x  y"), "{window}");
    }
}

#[test]
fn no_text_makes_it_panic() {
    let pieces = [
        ",",
        ";",
        "\t",
        "\"",
        "\n",
        "\r\n",
        "\r",
        " ",
        "a",
        "1",
        "-",
        ".",
        "0",
        "1e9",
        "é",
        "2024-01-02",
        "1/2/2024",
        "true",
        "\u{feff}",
        "\u{0}",
        "|",
        "+",
        ":",
        "12:30",
        "\"\"",
        "99999999999999999999",
    ];
    let mut read_as_table = 0;
    for seed in 0..6_000_u64 {
        let mut state = seed * 2 + 1;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % n
        };
        let text: String = (0..below(40)).map(|_| pieces[below(pieces.len())]).collect();
        let options = Options {
            header: below(2) == 0,
            bad_rows: [BadRows::Fail, BadRows::Skip][below(2)],
            delimiter: [None, Some(Delimiter::Byte(b',')), Some(Delimiter::Whitespace)][below(3)],
            numbers: NumberFormat {
                decimal: [b'.', b','][below(2)],
                thousands: [None, Some(b' ')][below(2)],
            },
            date_order: [None, Some(DateOrder::Mdy)][below(2)],
            ..Options::default()
        };
        if let Ok(sheet) = read_with(&text, &options, 1) {
            assert!(sheet.columns.iter().all(|c| c.len() == sheet.n_rows), "{text:?}");
            (0..sheet.n_rows).for_each(|row| drop(sheet.origins.place(row)));
            read_as_table += 1;
        }
    }
    assert!(read_as_table > 1_000, "{read_as_table}");
}
