//! Delimited text to a table: the dirt that people's files have, read right or refused with a reason.
//! It does not know ids, stages or where files lie.
//!
//! The text is decoded once and kept; cells are positions in it. Chunks of records go through the pool
//! three times in spirit, twice in fact: their cells are found and classified, the types are settled from
//! *all* rows, and the columns are built. What comes out depends on the text alone.
//!
//! What is read as what:
//! - a field is missing if it is empty or blank (quoted or not), or listed in `null_values`;
//! - boolean: only `true` and `false`, in any case;
//! - integer: 64 bits; digits with a leading zero are a code (`00123`) and make the column text, and so
//!   do whole numbers beyond 64 bits in a column of whole numbers, which as floats would lose digits;
//! - float: decimals and exponents; `NaN` and `inf` are no numbers and make the column text, with a note;
//! - dates: ISO, else the one order of day and month that every value allows, else text with a note;
//!   a time with an offset is converted to UTC;
//! - a column without any value is float.

mod bad_rows;
mod build;
mod bytes;
mod dates;
mod dialect;
mod document;
mod error;
mod infer;
mod origins;
mod sniff;
mod split;
mod values;
mod write;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use arrow::{
    array::{Array, ArrayRef, BooleanArray},
    compute,
};

pub use bytes::read_all;
pub use dates::DateOrder;
pub use dialect::{DIALECT_KEY, Declared, Delimiter, Dialect, Options};
pub use error::CsvError;
pub use origins::Origins;
pub use values::NumberFormat;
pub use write::write;

use self::{
    bad_rows::BadRows,
    build::{Column, Reading, is_null},
    document::Document,
    infer::{ColumnType, Seen, Verdict},
    origins::Block,
    split::unquote,
    values::{NumberClass, trim},
};
use crate::base::{names, pool::Pool};

/// Most columns without a name that are told of one by one.
const MAX_UNNAMED: usize = 10;

/// A file to read: what to call it, and its bytes.
pub type Source<'a> = (String, Box<dyn Read + Send + 'a>);

/// What was read, column by column, before there is an id.
#[derive(Debug)]
pub struct Sheet {
    /// Names in the order of the first file.
    pub names: Vec<String>,
    /// Values, of the contract's types.
    pub columns: Vec<ArrayRef>,
    /// Number of rows.
    pub n_rows: usize,
    /// How it was read.
    pub dialect: Dialect,
    /// What a person should hear of.
    pub notes: Vec<String>,
    /// Where each row stands.
    pub origins: Origins,
}

/// Reads files of the same columns, one after the other, into one sheet. `go_on` hears how many more rows
/// are done and says whether to go on.
///
/// # Errors
/// [`CsvError`], which names file, line and column.
pub fn read(
    sources: Vec<Source<'_>>,
    options: &Options,
    pool: &Pool,
    go_on: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Sheet, CsvError> {
    let mut documents = Vec::with_capacity(sources.len());
    for (file, reader) in sources {
        documents.push(Document::open(&file, reader, options)?);
        if !go_on(0) {
            return Err(CsvError::Stopped);
        }
    }
    let names = documents.first().map(|d| d.names.clone()).unwrap_or_default();
    let file = documents.first().map(|d| d.file.clone()).unwrap_or_default();
    let orders = column_orders(&documents, &names)?;
    known_columns(&file, options, &names)?;
    let mut notes = document_notes(&documents);

    let (blocks, seen) = scan(&documents, &orders, options, pool, go_on)?;
    let n_rows: usize = blocks.iter().map(|b| b.cells.n_rows()).sum();
    let mut origins = Origins { documents, blocks, kept: None };
    let mut bad = BadRows::default();
    bad.ragged(&origins, names.len(), options)?;
    let types = settle(&file, &names, &seen, options, &origins, &mut notes)?;

    let built = build_blocks(&origins, &orders, &names, &types, options, pool, go_on)?;
    let misfits = misfits(&built);
    bad.misfits(&origins, &misfits, &names, &types, options)?;
    let mut columns = join(&file, &names, built, &types, pool)?;
    let mut rows = n_rows;
    if !misfits.is_empty() {
        let mut mask = vec![true; n_rows];
        misfits.iter().for_each(|&(row, _)| mask[row] = false);
        let kept: Vec<usize> = (0..n_rows).filter(|&row| mask[row]).collect();
        rows = kept.len();
        origins.kept = Some(kept);
        let mask = BooleanArray::from(mask);
        for column in &mut columns {
            *column = compute::filter(column, &mask)
                .map_err(|e| CsvError::TooLarge { file: file.clone(), what: e.to_string() })?;
        }
    }
    notes.extend(bad.note());
    if rows == 0 {
        notes.push(format!("{file} has a header and no rows"));
    }
    let dialect = dialect_of(options, &origins, &names, &types);
    Ok(Sheet { names, columns, n_rows: rows, dialect, notes, origins })
}

/// For each document, where each column of the first one stands in it.
fn column_orders(documents: &[Document], names: &[String]) -> Result<Vec<Vec<usize>>, CsvError> {
    let place = |document: &Document| {
        let at: BTreeMap<&str, usize> =
            document.names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        let order: Option<Vec<usize>> = names.iter().map(|n| at.get(n.as_str()).copied()).collect();
        match order {
            Some(order) if document.names.len() == names.len() => Ok(order),
            _ => Err(headers_differ(document, &documents[0])),
        }
    };
    documents.iter().map(place).collect()
}

fn headers_differ(document: &Document, reference: &Document) -> CsvError {
    let without = |a: &Document, b: &Document| -> Vec<String> {
        let known: BTreeSet<&String> = b.names.iter().collect();
        a.names.iter().filter(|n| !known.contains(n)).map(|n| format!("`{n}`")).collect()
    };
    let (missing, extra) = (without(reference, document), without(document, reference));
    let said = [("it lacks", missing), ("it also has", extra)];
    let parts: Vec<String> = said
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| format!("{verb} {}", names::listed(names.iter().map(String::as_str))))
        .collect();
    CsvError::HeadersDiffer {
        file: document.file.clone(),
        reference: reference.file.clone(),
        difference: parts.join("; "),
    }
}

fn known_columns(file: &str, options: &Options, names: &[String]) -> Result<(), CsvError> {
    if options.allow_absent {
        return Ok(());
    }
    let types = options.types.keys().map(|c| ("types", c));
    let orders = options.date_orders.keys().map(|c| ("date_order", c));
    match types.chain(orders).find(|(_, column)| !names.contains(column)) {
        None => Ok(()),
        Some((option, column)) => {
            let near = names::did_you_mean(column, names.iter().map(String::as_str));
            Err(CsvError::UnknownColumn {
                file: file.to_string(),
                option,
                column: column.clone(),
                suggestion: near.map_or_else(String::new, |n| format!(", did you mean `{n}`?")),
            })
        }
    }
}

fn document_notes(documents: &[Document]) -> Vec<String> {
    let mut notes = Vec::new();
    for document in documents {
        if !matches!(document.encoding, "UTF-8") {
            notes.push(format!("{} was read as {}", document.file, document.encoding));
        }
        let file = &document.file;
        for position in document.unnamed.iter().take(MAX_UNNAMED) {
            notes
                .push(format!("{file}: column {position} has no name; called `column_{position}`"));
        }
        if document.unnamed.len() > MAX_UNNAMED {
            let n = document.unnamed.len() - MAX_UNNAMED;
            notes.push(format!("{file}: {n} further columns have no name either"));
        }
    }
    notes
}

/// Finds and classifies all cells.
fn scan(
    documents: &[Document],
    orders: &[Vec<usize>],
    options: &Options,
    pool: &Pool,
    go_on: &(dyn Fn(usize) -> bool + Sync),
) -> Result<(Vec<Block>, Vec<Seen>), CsvError> {
    let ranges: Vec<_> = documents
        .iter()
        .enumerate()
        .flat_map(|(d, document)| document.ranges.iter().map(move |r| (d, r.clone())))
        .collect();
    let found = pool.map(ranges.len(), |i| {
        let (d, range) = ranges[i].clone();
        let document = &documents[d];
        if !go_on(0) {
            return Err(CsvError::Stopped);
        }
        let cells = document.cells(range)?;
        let seen: Vec<Seen> = orders[d]
            .iter()
            .map(|&column| classify(cells.column(&document.text, column), options))
            .collect();
        Ok((d, cells, seen))
    });
    let n_columns = orders.first().map_or(0, Vec::len);
    let mut total = vec![Seen::default(); n_columns];
    let (mut blocks, mut first_row) = (Vec::with_capacity(found.len()), 0);
    for part in found {
        let (document, cells, seen) = part?;
        for (all, seen) in total.iter_mut().zip(seen) {
            *all = std::mem::take(all).merge(&seen.shifted(first_row));
        }
        let n_rows = cells.n_rows();
        blocks.push(Block { document, first_row, cells });
        first_row += n_rows;
    }
    Ok((blocks, total))
}

fn classify<'t>(cells: impl Iterator<Item = &'t str>, options: &Options) -> Seen {
    let mut seen = Seen::default();
    for (row, raw) in cells.enumerate() {
        let text: Cow<'_, str> = unquote(raw);
        let text = trim(text.as_bytes());
        if !is_null(text, &options.null_values) {
            seen.add(row, text, options.numbers);
        }
    }
    seen
}

/// Decides each column's type and says what a person may want to change.
fn settle(
    file: &str,
    names: &[String],
    seen: &[Seen],
    options: &Options,
    origins: &Origins,
    notes: &mut Vec<String>,
) -> Result<Vec<ColumnType>, CsvError> {
    let decide = |(name, seen): (&String, &Seen)| {
        let preferred = options.date_orders.get(name).copied().or(options.date_order);
        let Some(declared) = options.types.get(name) else {
            let (column_type, note) = inferred(name, seen.verdict(preferred), options, origins);
            notes.extend(note);
            return Ok(column_type);
        };
        let order = || {
            seen.declared_order(preferred).map_err(|row| CsvError::AmbiguousDate {
                file: file.to_string(),
                column: name.clone(),
                value: origins.value(row, name),
            })
        };
        Ok(match declared {
            Declared::Integer => ColumnType::Integer,
            Declared::Float => ColumnType::Float,
            Declared::Boolean => ColumnType::Boolean,
            Declared::Text => ColumnType::Text,
            Declared::Date => ColumnType::Date(order()?),
            Declared::Timestamp => ColumnType::Timestamp(order()?),
        })
    };
    names.iter().zip(seen).map(decide).collect()
}

fn inferred(
    name: &str,
    verdict: Verdict,
    options: &Options,
    origins: &Origins,
) -> (ColumnType, Option<String>) {
    match verdict {
        Verdict::Is(column_type) => (column_type, None),
        Verdict::AllMissing => (ColumnType::Float, None),
        Verdict::HugeIntegers => {
            let note = format!("column `{name}` stays text: whole numbers beyond 64 bits");
            (ColumnType::Text, Some(note))
        }
        Verdict::AmbiguousDates(row) => {
            let value = origins.value(row, name);
            let note = format!(
                "column `{name}` stays text: its dates (`{value}`) can be read day first and month first; set `date_order`"
            );
            (ColumnType::Text, Some(note))
        }
        Verdict::NearlyOther(what, row) => {
            let (value, (file, line)) = (origins.value(row, name), origins.locate(row));
            let comma = NumberFormat { decimal: b',', ..options.numbers };
            let advice = match comma.classify(value.as_bytes()) {
                NumberClass::Float => "set `decimal: \",\"`",
                _ => "list it in `null_values` if it means missing",
            };
            let note = format!(
                "column `{name}` stays text: nearly all values are {what}, but `{value}` ({file}:{line}) is not; {advice}"
            );
            (ColumnType::Text, Some(note))
        }
    }
}

fn build_blocks(
    origins: &Origins,
    orders: &[Vec<usize>],
    names: &[String],
    types: &[ColumnType],
    options: &Options,
    pool: &Pool,
    go_on: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Vec<(usize, Vec<Column>)>, CsvError> {
    let build = |i: usize| {
        let block = &origins.blocks[i];
        let text = &origins.documents[block.document].text;
        let n_rows = block.cells.n_rows();
        if !go_on(n_rows) {
            return Err(CsvError::Stopped);
        }
        let places = orders[block.document].iter().zip(types).zip(names);
        let columns = places.map(|((&place, &column_type), name)| {
            let reading = Reading {
                column_type,
                declared: options.types.contains_key(name),
                numbers: options.numbers,
                null_values: &options.null_values,
            };
            reading.column(block.cells.column(text, place), n_rows)
        });
        Ok((block.first_row, columns.collect()))
    };
    pool.map(origins.blocks.len(), build).into_iter().collect()
}

/// Returns the rows with a value that does not fit, each with its first such column, in order.
fn misfits(built: &[(usize, Vec<Column>)]) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = built
        .iter()
        .flat_map(|(first_row, columns)| {
            columns.iter().enumerate().flat_map(move |(j, column)| {
                column.misfits.iter().map(move |&row| (first_row + row, j))
            })
        })
        .collect();
    all.sort_unstable();
    all.dedup_by_key(|(row, _)| *row);
    all
}

/// Joins the blocks of each column.
fn join(
    file: &str,
    names: &[String],
    built: Vec<(usize, Vec<Column>)>,
    types: &[ColumnType],
    pool: &Pool,
) -> Result<Vec<ArrayRef>, CsvError> {
    let mut parts: Vec<Vec<ArrayRef>> = types.iter().map(|_| Vec::new()).collect();
    for (_, columns) in built {
        for (part, column) in parts.iter_mut().zip(columns) {
            part.push(column.values);
        }
    }
    let slots: Vec<_> = parts.into_iter().map(|p| std::sync::Mutex::new(Some(p))).collect();
    let joined = pool.map(slots.len(), |j| {
        // Taken out, so that a column's blocks are freed as soon as it is joined.
        let parts = slots[j].lock().ok().and_then(|mut slot| slot.take()).unwrap_or_default();
        if parts.is_empty() {
            return Ok(arrow::array::new_empty_array(&types[j].arrow()));
        }
        let arrays: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        compute::concat(&arrays).map_err(|_| CsvError::TooLarge {
            file: file.to_string(),
            what: format!("column `{}` holds more than 2 GiB of text", names[j]),
        })
    });
    joined.into_iter().collect()
}

fn dialect_of(
    options: &Options,
    origins: &Origins,
    names: &[String],
    types: &[ColumnType],
) -> Dialect {
    let delimiter = origins.documents.first().map_or(Delimiter::Byte(b','), |d| d.delimiter);
    let orders = names.iter().zip(types).filter_map(|(n, t)| Some((n.clone(), t.date_order()?)));
    Dialect {
        delimiter: delimiter.word(),
        header: options.header,
        decimal: char::from(options.numbers.decimal),
        thousands: options.numbers.thousands.map(char::from),
        null_values: options.null_values.clone(),
        date_order: orders.collect(),
    }
}

#[cfg(test)]
mod tests;
