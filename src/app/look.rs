//! A look at one column of an artifact, whatever its size: how its values lie, counted chunk by chunk.
//! It does not draw.

use std::{cmp::Reverse, collections::BTreeMap};

use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type},
    util::display::array_value_to_string,
};

use crate::{
    app::{AppError, Artifact, artifact::unreadable},
    base::pool::Pool,
    frame::{
        FrameError, Table,
        rows::{Origin, Rows},
        table::{is_numeric, is_temporal},
    },
    ml::stats::{Bin, edges, histogram},
    store::Store,
};

/// Most bins of a histogram.
const MOST_BINS: usize = 30;
/// Most levels told.
const MOST_LEVELS: usize = 15;
/// From how many different texts on they are not counted apart any more.
const MANY: usize = 100_000;

/// How the values of a column lie.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnLook {
    /// The column.
    pub name: String,
    /// Rows of the table.
    pub n_rows: usize,
    /// Rows without a value, and those whose number is not finite.
    pub n_missing: usize,
    /// Its values.
    pub values: Values,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Of numbers, a histogram.
    Numbers(Vec<Bin>),
    /// Of others, the most frequent ones with their counts, and how many different ones there are.
    Levels {
        /// Most frequent first, equals by name.
        most: Vec<(String, usize)>,
        /// `None` if there are too many to tell them apart.
        n_levels: Option<usize>,
    },
}

impl Artifact {
    /// Looks at a column of its table.
    ///
    /// # Errors
    /// If there is no such column, or the bytes are damaged or not a table.
    pub fn column(&self, store: &Store, name: &str, pool: &Pool) -> Result<ColumnLook, AppError> {
        self.check(store)?;
        let path = self.path.clone();
        let origin = Origin::File(std::sync::Arc::new(move || std::fs::File::open(&path)));
        let failed = |error: FrameError| match error {
            FrameError::Io(_) | FrameError::Parquet(_) => unreadable(&self.path, &error),
            other => AppError::Usage(other.to_string()),
        };
        let rows = Rows::open(origin).map_err(failed)?;
        look(&rows, name, pool).map_err(failed)
    }
}

fn look(rows: &Rows, name: &str, pool: &Pool) -> Result<ColumnLook, FrameError> {
    let wanted = [name.to_string()];
    let is_number = rows.schema().field_with_name(name).is_ok_and(|field| {
        let ty = field.data_type();
        is_numeric(ty) && !is_temporal(ty) && *ty != DataType::Boolean
    });
    let (n_missing, values) = match is_number {
        true => numbers(rows, &wanted, pool)?,
        false => levels(rows, &wanted, pool)?,
    };
    Ok(ColumnLook { name: name.to_string(), n_rows: rows.n_rows(), n_missing, values })
}

fn numbers(rows: &Rows, wanted: &[String], pool: &Pool) -> Result<(usize, Values), FrameError> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut n_missing, mut whole) = (0, true);
    let range = |chunk: Table| {
        let values = finite(&chunk.column(&wanted[0])?.clone())?;
        let is_whole = values.iter().all(|v| v.fract() == 0.0);
        let ends = (values.first().copied(), values.last().copied());
        Ok::<_, FrameError>((chunk.n_rows() - values.len(), is_whole, ends))
    };
    rows.fold(Some(wanted), pool, range, |(missing, is_whole, ends)| {
        n_missing += missing;
        whole &= is_whole;
        if let (Some(first), Some(last)) = ends {
            (low, high) = (low.min(first), high.max(last));
        }
        Ok(())
    })?;
    if low > high {
        return Ok((n_missing, Values::Numbers(Vec::new())));
    }
    let edges = edges(low, high, MOST_BINS, whole);
    let count = |chunk: Table| {
        Ok::<_, FrameError>(histogram(&finite(&chunk.column(&wanted[0])?.clone())?, &edges))
    };
    let mut bins: Vec<Bin> = Vec::new();
    rows.fold(Some(wanted), pool, count, |part| {
        match bins.is_empty() {
            true => bins = part,
            false => bins.iter_mut().zip(part).for_each(|(bin, more)| bin.count += more.count),
        }
        Ok(())
    })?;
    Ok((n_missing, Values::Numbers(bins)))
}

/// Returns the finite values of a column of numbers, ascending.
fn finite(column: &ArrayRef) -> Result<Vec<f64>, FrameError> {
    let floats = cast(column, &DataType::Float64)?;
    let all = floats.as_primitive::<Float64Type>().iter().flatten();
    let mut values: Vec<f64> = all.filter(|v| v.is_finite()).collect();
    values.sort_unstable_by(f64::total_cmp);
    Ok(values)
}

fn levels(rows: &Rows, wanted: &[String], pool: &Pool) -> Result<(usize, Values), FrameError> {
    let count = |chunk: Table| {
        let column = chunk.column(&wanted[0])?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for row in (0..column.len()).filter(|&row| column.is_valid(row)) {
            *counts.entry(array_value_to_string(column, row)?).or_default() += 1;
        }
        Ok::<_, FrameError>((column.null_count(), counts))
    };
    let (mut n_missing, mut too_many) = (0, false);
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    rows.fold(Some(wanted), pool, count, |(missing, part)| {
        n_missing += missing;
        for (level, n) in part {
            if all.len() < MANY || all.contains_key(&level) {
                *all.entry(level).or_default() += n;
            } else {
                too_many = true;
            }
        }
        Ok(())
    })?;
    let n_levels = (!too_many).then_some(all.len());
    let mut most: Vec<(String, usize)> = all.into_iter().collect();
    most.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    most.truncate(MOST_LEVELS);
    Ok((n_missing, Values::Levels { most, n_levels }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{
        parquet,
        table::{float_array, opt_text_array},
    };

    fn rows() -> Rows {
        let numbers = vec![1.0, 2.0, 2.0, f64::NAN, 4.0];
        let texts = vec![Some("b"), Some("a"), None, Some("b"), Some("")];
        let columns = vec![("n", float_array(numbers)), ("t", opt_text_array(texts))];
        let mut bytes = Vec::new();
        parquet::write(&Table::new(None, columns).unwrap(), &mut bytes).unwrap();
        Rows::open(Origin::Memory(bytes.into())).unwrap()
    }

    #[test]
    fn numbers_fall_into_bins_and_texts_are_counted() {
        let pool = Pool::new(1);
        let numbers = look(&rows(), "n", &pool).unwrap();
        let Values::Numbers(bins) = &numbers.values else { panic!("{numbers:?}") };
        assert_eq!(bins.iter().map(|b| b.count).sum::<usize>() + numbers.n_missing, numbers.n_rows);
        assert_eq!((bins[0].lower, bins[0].count, numbers.n_missing), (1.0, 1, 1));
        let texts = look(&rows(), "t", &pool).unwrap();
        let most = vec![("b".to_string(), 2), (String::new(), 1), ("a".to_string(), 1)];
        assert_eq!(texts.values, Values::Levels { most, n_levels: Some(3) });
        assert_eq!(texts.n_missing, 1);
        assert!(look(&rows(), "x", &pool).unwrap_err().to_string().contains("`x`"));
    }
}
