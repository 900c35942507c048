//! The `correlations` artifact: every pair of columns once, left before right in column order.
//! It does not judge: alerts do.

use arrow::datatypes::{DataType, Field, Schema};

use crate::{
    frame::{
        FrameError, Table,
        table::{float_array, schema_with_id, text_array},
    },
    kinds::eda::columns::Column,
    ml::stats::{cramers_v, pearson, spearman},
    stage::work::{Cancelled, Work},
};

/// Text columns with more levels than this have no Cramér's V: names and notes are no categories, and
/// the statistic nears 1 for any two of them.
pub const MOST_LEVELS: usize = 100;

/// How two columns go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Linear, of two numbers.
    Pearson,
    /// By ranks, of two numbers.
    Spearman,
    /// Plain Cramér's V of two categories, or of a number's tenths and a category.
    CramersV,
}

impl Method {
    /// Returns the word in the artifact.
    pub fn word(self) -> &'static str {
        match self {
            Method::Pearson => "pearson",
            Method::Spearman => "spearman",
            Method::CramersV => "cramers_v",
        }
    }
}

/// One figure of one pair; indices into the columns, `left < right`.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    /// Index of the left column.
    pub left: usize,
    /// Index of the right column.
    pub right: usize,
    /// What was computed.
    pub method: Method,
    /// The figure; NaN where it is not defined.
    pub value: f64,
}

/// Returns the schema of the artifact.
pub fn schema() -> Schema {
    let fields = [
        ("left", DataType::Utf8),
        ("right", DataType::Utf8),
        ("method", DataType::Utf8),
        ("value", DataType::Float64),
    ];
    schema_with_id(fields.map(|(name, ty)| Field::new(name, ty, true)).to_vec(), None)
}

/// Computes every pair: by left column, then right column, then method. Booleans take part both as
/// numbers and as categories.
///
/// # Errors
/// If the work was asked to stop.
pub fn all(columns: &[Column], work: &Work) -> Result<Vec<Pair>, Cancelled> {
    let mut pairs = Vec::new();
    for left in 0..columns.len() {
        for right in left + 1..columns.len() {
            let (a, b) = (&columns[left], &columns[right]);
            let mut push = |method| pairs.push(Pair { left, right, method, value: f64::NAN });
            if a.is_id || b.is_id {
                continue;
            }
            if a.numbers().is_some() && b.numbers().is_some() {
                push(Method::Pearson);
                push(Method::Spearman);
            }
            let takes = |x, y| is_category(x) && (is_category(y) || is_measure(y));
            if takes(a, b) || takes(b, a) {
                push(Method::CramersV);
            }
        }
    }
    let values = work.pool.map(pairs.len(), |i| {
        work.check()
            .map(|()| value(&columns[pairs[i].left], &columns[pairs[i].right], pairs[i].method))
    });
    for (pair, value) in pairs.iter_mut().zip(values) {
        pair.value = value?;
    }
    let measures: Vec<usize> = (0..columns.len()).filter(|&i| is_measure(&columns[i])).collect();
    // A number is cut once for all of its categories, and then forgotten.
    let found =
        work.pool.map(measures.len(), |i| with_categories(columns, &pairs, measures[i], work));
    for found in found {
        found?.into_iter().for_each(|(at, value)| pairs[at].value = value);
    }
    Ok(pairs)
}

/// Computes Cramér's V of a number and each of its partners among the categories; returns places among the pairs.
fn with_categories(
    columns: &[Column],
    pairs: &[Pair],
    measure: usize,
    work: &Work,
) -> Result<Vec<(usize, f64)>, Cancelled> {
    let partner = |pair: &Pair| match (pair.left == measure, pair.right == measure) {
        (true, _) => Some(pair.right),
        (_, true) => Some(pair.left),
        _ => None,
    };
    let mut tenths = None;
    let mut found = Vec::new();
    for (at, pair) in pairs.iter().enumerate().filter(|(_, p)| p.method == Method::CramersV) {
        let Some(category) = partner(pair) else { continue };
        work.check()?;
        if let (Some(numbers), Some(levels)) =
            (columns[measure].numbers(), columns[category].levels())
        {
            let tenths = tenths.get_or_insert_with(|| numbers.tenths());
            found.push((at, cramers_v(tenths, levels)));
        }
    }
    Ok(found)
}

/// Returns true if the column is a number and not a category as well.
fn is_measure(column: &Column) -> bool {
    !column.is_id && column.numbers().is_some() && column.levels().is_none()
}

/// Returns true if Cramér's V is computed for the column.
pub fn is_category(column: &Column) -> bool {
    column.levels().is_some_and(|levels| levels.names.len() <= MOST_LEVELS)
}

fn value(a: &Column, b: &Column, method: Method) -> f64 {
    match (method, a.numbers(), b.numbers(), a.levels(), b.levels()) {
        (Method::Pearson, Some(a), Some(b), ..) => pearson(a, b),
        (Method::Spearman, Some(a), Some(b), ..) => spearman(a, b),
        (Method::CramersV, _, _, Some(a), Some(b)) => cramers_v(a, b),
        _ => f64::NAN,
    }
}

/// Builds the artifact.
///
/// # Errors
/// None in practice: Arrow checks the lengths.
pub fn table(columns: &[Column], pairs: &[Pair]) -> Result<Table, FrameError> {
    let name = |i: usize| columns[i].name.as_str();
    Table::new(
        None,
        vec![
            ("left", text_array(pairs.iter().map(|p| name(p.left)))),
            ("right", text_array(pairs.iter().map(|p| name(p.right)))),
            ("method", text_array(pairs.iter().map(|p| p.method.word()))),
            ("value", float_array(pairs.iter().map(|p| p.value).collect())),
        ],
    )
}
