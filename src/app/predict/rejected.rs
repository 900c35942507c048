//! Rows that could not be answered: where each stands, and why. It does not know what becomes of the others.

use crate::{
    frame::{
        FrameError, Table,
        table::{opt_text_array, text_array},
    },
    stage::error::{Place, StageError},
};

/// Rows that could not be answered, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Rejected(Vec<Reject>);

#[derive(Debug)]
struct Reject {
    place: Place,
    row: Option<usize>,
    id: Option<String>,
    reason: String,
}

impl Rejected {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns where the first stands, and why it was rejected.
    pub fn first(&self) -> Option<String> {
        self.0.first().map(|first| match (first.place.line, first.row) {
            (Some(line), _) => format!("{}:{line}: {}", first.place.file, first.reason),
            (None, Some(row)) => format!("{}, row {row}: {}", first.place.file, first.reason),
            (None, None) => format!("{}: {}", first.place.file, first.reason),
        })
    }

    /// Adds a row; `row` counts all rows from 0, but for those that had no columns to stand in.
    pub(super) fn add(
        &mut self,
        place: Place,
        row: Option<usize>,
        id: Option<String>,
        error: &StageError,
    ) {
        let text = error.to_string();
        let reason = without_place(&text, &place).to_string();
        self.0.push(Reject { place, row, id, reason });
    }

    /// Returns them as a table: `file`, `line` (null where there are no lines), `row`, `id`, `reason`.
    ///
    /// # Errors
    /// If Arrow refuses it.
    pub fn table(&self) -> Result<Table, FrameError> {
        let number = |n: Option<usize>| n.map(|n| n as i64);
        let numbers = |of: &dyn Fn(&Reject) -> Option<usize>| {
            let numbers = self.0.iter().map(|reject| number(of(reject)));
            std::sync::Arc::new(numbers.collect::<arrow::array::Int64Array>()) as _
        };
        let columns = vec![
            ("file", text_array(self.0.iter().map(|r| r.place.file.as_str()))),
            ("line", numbers(&|r| r.place.line)),
            ("row", numbers(&|r| r.row)),
            ("id", opt_text_array(self.0.iter().map(|r| r.id.as_deref()))),
            ("reason", text_array(self.0.iter().map(|r| r.reason.as_str()))),
        ];
        Table::new(None, columns)
    }
}

/// Takes off what the columns `file`, `line` and `row` tell.
fn without_place<'t>(text: &'t str, place: &Place) -> &'t str {
    let Some(rest) = text.strip_prefix(place.file.as_str()) else { return text };
    let line = place.line.map(|line| format!(":{line}: "));
    let row = place.row.map(|row| format!(", row {row}: "));
    let mut starts = line.into_iter().chain(row);
    starts.find_map(|start| rest.strip_prefix(start.as_str())).unwrap_or(text)
}
