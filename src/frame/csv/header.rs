//! The names of a file's columns, and where they stand in it. It does not know types or values.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    dialect::Options,
    error::CsvError,
    split::{self, Unclosed, record, unquote},
};
use crate::base::names;

/// Most columns of a file, as many as a sheet of Excel has. What is known of a column is kept for every chunk of rows, and
/// writing Parquet takes buffers for each, so that a line of a million delimiters would cost tens of gigabytes.
pub const MAX_COLUMNS: usize = 16_384;

/// Most columns without a name that are told of one by one.
const MAX_UNNAMED: usize = 10;

/// The names of a file's columns, in its own order.
#[derive(Debug)]
pub struct Header {
    /// Names as written, without blanks at their ends; a column without one is called by its position.
    pub names: Vec<String>,
    /// Positions (from 1) of columns that the header leaves unnamed.
    unnamed: Vec<usize>,
    /// Where the first row starts in the text.
    pub end: usize,
}

impl Header {
    /// Reads the header off the first records of a file, or makes one if it has none.
    ///
    /// # Errors
    /// If a name stands twice, there are too many, or a quoted one never ends.
    pub fn read(
        file: &str,
        text: &str,
        line: usize,
        separator: u8,
        options: &Options,
    ) -> Result<Header, CsvError> {
        let unclosed = |at: Unclosed| CsvError::UnclosedQuote {
            file: file.to_string(),
            line: line + super::text::newlines(&text.as_bytes()[..at.0]),
        };
        let (fields, start, after) = first_record(text, separator).map_err(unclosed)?;
        if fields.len() > MAX_COLUMNS {
            return Err(CsvError::TooWide { file: file.to_string(), found: fields.len() });
        }
        let (names, unnamed) = names(file, fields, options.header)?;
        Ok(Header { names, unnamed, end: if options.header { after } else { start } })
    }

    /// Says which columns have no name.
    pub fn notes(&self, file: &str) -> Vec<String> {
        let told = self.unnamed.iter().take(MAX_UNNAMED).map(|position| {
            format!("{file}: column {position} has no name; called `column_{position}`")
        });
        let mut notes: Vec<String> = told.collect();
        if self.unnamed.len() > MAX_UNNAMED {
            let n = self.unnamed.len() - MAX_UNNAMED;
            notes.push(format!("{file}: {n} further columns have no name either"));
        }
        notes
    }

    /// Returns where each column of the first file stands in this one.
    ///
    /// # Errors
    /// If their columns are not the same.
    pub fn order(
        &self,
        file: &str,
        reference: &str,
        names: &[String],
    ) -> Result<Vec<usize>, CsvError> {
        let at: BTreeMap<&str, usize> =
            self.names.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        let order: Option<Vec<usize>> = names.iter().map(|n| at.get(n.as_str()).copied()).collect();
        match order {
            Some(order) if self.names.len() == names.len() => Ok(order),
            _ => Err(CsvError::HeadersDiffer {
                file: file.to_string(),
                reference: reference.to_string(),
                difference: difference(&self.names, names),
            }),
        }
    }
}

fn difference(here: &[String], reference: &[String]) -> String {
    let without = |a: &[String], b: &[String]| -> Vec<String> {
        let known: BTreeSet<&String> = b.iter().collect();
        a.iter().filter(|n| !known.contains(n)).map(|n| format!("`{n}`")).collect()
    };
    let said = [("it lacks", without(reference, here)), ("it also has", without(here, reference))];
    let parts: Vec<String> = said
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| format!("{verb} {}", names::listed(names.iter().map(String::as_str))))
        .collect();
    parts.join("; ")
}

/// Checks that what the options say of columns is of columns that are there.
///
/// # Errors
/// If it is not.
pub fn known_columns(file: &str, options: &Options, names: &[String]) -> Result<(), CsvError> {
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

/// Returns the fields of the first record that is not blank, where it starts and where the next does.
fn first_record(text: &str, delimiter: u8) -> Result<(Vec<String>, usize, usize), Unclosed> {
    let mut at = 0;
    loop {
        let (start, mut from, mut fields) = (at, at, Vec::new());
        at = record(text.as_bytes(), start, delimiter, |end| {
            fields.push(unquote(text.get(from..end).unwrap_or_default()).trim().to_string());
            from = end + 1;
        })?;
        if at >= text.len() || !split::is_blank(text.as_bytes(), start..at, delimiter) {
            return Ok((fields, start, at));
        }
    }
}

/// Names are kept as written, without blanks at their ends. A column without a name (as the index that
/// pandas writes) is called by its position.
fn names(
    file: &str,
    fields: Vec<String>,
    header: bool,
) -> Result<(Vec<String>, Vec<usize>), CsvError> {
    let mut unnamed = Vec::new();
    let mut names: Vec<String> = Vec::with_capacity(fields.len());
    for (i, field) in fields.into_iter().enumerate() {
        if header && field.is_empty() {
            unnamed.push(i + 1);
        }
        let named = header && !field.is_empty();
        names.push(if named { field } else { format!("column_{}", i + 1) });
    }
    let mut sorted: Vec<usize> = (0..names.len()).collect();
    sorted.sort_by(|&a, &b| names[a].cmp(&names[b]).then(a.cmp(&b)));
    let twice = sorted.windows(2).filter(|pair| names[pair[0]] == names[pair[1]]);
    match twice.map(|pair| (pair[1], pair[0])).min() {
        None => Ok((names, unnamed)),
        Some((second, first)) => Err(CsvError::DuplicateHeader {
            file: file.to_string(),
            name: names[first].clone(),
            first: first + 1,
            second: second + 1,
        }),
    }
}
