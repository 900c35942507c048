//! The rows that a classifier learns from and is judged by: all of them, or a random sample that is gathered while the
//! inputs are read. It does not know classes.

use std::collections::HashSet;

use arrow::array::{AsArray, BooleanArray};

use super::labelled::texts;
use crate::{
    base::pool::Pool,
    frame::{FrameError, Rows, Table},
    ml::rng::Rng,
    stage::{ctx::StageCtx, error::StageError},
};

/// The random numbers of the sample, apart from those of the split, which has a stream for each class.
const STREAM: u64 = u64::MAX;

/// Those of the training rows that are asked again.
const TRAINING_STREAM: u64 = u64::MAX - 1;

/// How many training rows are asked again how well they are known, at the most: a figure beside that of the test rows,
/// which is what counts.
const TRAINING_ROWS: usize = 50_000;

/// How many times its own size a sample takes while it is gathered.
const GATHERED: u64 = 2;

/// Returns the inputs `table` and `labels`, of `sample` rows if there are more.
///
/// # Errors
/// If they cannot be read, or there is no room for them.
pub fn inputs(
    ctx: &mut StageCtx<'_>,
    sample: Option<usize>,
    seed: u64,
) -> Result<(Table, Option<Table>), StageError> {
    let rows = ctx.rows("table")?;
    let n_rows = rows.n_rows();
    let Some(n) = sample.filter(|n| *n < n_rows) else {
        return Ok((ctx.table("table")?, ctx.optional_table("labels")?));
    };
    ctx.note(format!(
        "learnt from and judged by a random sample of {n} of {n_rows} rows (seed {seed})"
    ));
    let bytes_of = |rows: &Rows| rows.n_bytes_in_memory() / n_rows as u64 * n as u64;
    ctx.hold(bytes_of(&rows).saturating_mul(GATHERED), &format!("{n} rows of `table` in memory"))?;
    let chosen = Rng::stream(seed, STREAM).sample(n_rows, n);
    let pool = &ctx.work.pool;
    let table = gather(&rows, &chosen, pool)?;
    if ctx.input("labels").is_none() {
        return Ok((table, None));
    }
    let rows = ctx.rows("labels")?;
    if rows.n_rows() == n_rows {
        let labels = gather(&rows, &chosen, pool)?;
        if ids(&labels)? == ids(&table)? {
            return Ok((table, Some(labels)));
        }
    }
    let labels = only_of(&ctx.table("labels")?, &table)?;
    Ok((table, Some(labels)))
}

/// Draws those of `n_rows` training rows that are asked again, ascending; all if they are not too many.
pub fn of_training_rows(n_rows: usize, seed: u64) -> Vec<usize> {
    Rng::stream(seed, TRAINING_STREAM).sample(n_rows, TRAINING_ROWS)
}

/// Returns some rows, ascending. A table without an id gets the numbers of its rows as one.
fn gather(rows: &Rows, chosen: &[usize], pool: &Pool) -> Result<Table, FrameError> {
    let of_chunk = |chunk: Table| -> Result<Table, FrameError> {
        let first = chunk.first_row();
        let from = chosen.partition_point(|&row| row < first);
        let to = chosen.partition_point(|&row| row < first + chunk.n_rows());
        let own: Vec<usize> = chosen[from..to].iter().map(|row| row - first).collect();
        with_id(&chunk)?.take(&own)
    };
    let schema = with_id(&rows.none())?.schema();
    let batches = rows.map(None, pool, |chunk| of_chunk(chunk).map(|t| t.batch().clone()))?;
    Table::from_batches(&schema, &batches)
}

fn with_id(table: &Table) -> Result<Table, FrameError> {
    if table.id_name().is_some() {
        return Ok(table.clone());
    }
    let (name, ids) = table.id()?;
    let names = table.names();
    let mut columns = vec![(name.as_str(), ids)];
    columns.extend(names.iter().map(String::as_str).zip(table.batch().columns().iter().cloned()));
    Table::new(Some(&name), columns)
}

fn ids(table: &Table) -> Result<Vec<Option<String>>, StageError> {
    let ids = texts(&table.id()?.1)?;
    Ok(ids.as_string::<i32>().iter().map(|id| id.map(str::to_string)).collect())
}

/// Returns the labels of a table's rows, in the order of the labels.
fn only_of(labels: &Table, table: &Table) -> Result<Table, StageError> {
    let wanted: HashSet<Option<String>> = ids(table)?.into_iter().collect();
    let keep: BooleanArray = ids(labels)?.iter().map(|id| Some(wanted.contains(id))).collect();
    Ok(labels.filter(&keep)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_training_rows_are_asked_in_part() {
        assert_eq!(of_training_rows(3, 1), [0, 1, 2]);
        assert_eq!(of_training_rows(TRAINING_ROWS, 1).len(), TRAINING_ROWS);
        let some = of_training_rows(TRAINING_ROWS + 1000, 1);
        assert_eq!(some.len(), TRAINING_ROWS);
        assert!(some.is_sorted_by(|a, b| a < b) && some[TRAINING_ROWS - 1] < TRAINING_ROWS + 1000);
        assert_ne!(some, of_training_rows(TRAINING_ROWS + 1000, 2));
    }
}
