//! Rows grouped by a key: which rows belong together, groups in the order of their keys, rows of a group in
//! the order of the table. It does not know what is computed of a group.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, DynComparator, Float64Array, UInt64Array, make_comparator},
    compute::{self, SortOptions},
    datatypes::Float64Type,
};

use crate::{
    frame::FrameError,
    stage::{error::StageError, work::Work},
};

/// Rows grouped by a key.
pub struct Groups {
    /// Row numbers, group by group.
    rows: Vec<usize>,
    /// Where each group starts in `rows`, and the end of the last.
    starts: Vec<usize>,
    /// How many rows have no key; they are in no group.
    pub n_without_key: usize,
}

impl Groups {
    /// Groups the rows for which `keep` holds.
    ///
    /// # Errors
    /// If keys of this type have no order.
    pub fn new(key: &ArrayRef, keep: impl Fn(usize) -> bool) -> Result<Groups, StageError> {
        let key = plain(key);
        let order = comparator(&key)?;
        let missing = missing(&key);
        let kept: Vec<usize> = (0..key.len()).filter(|&row| keep(row)).collect();
        let mut rows: Vec<usize> = kept.iter().copied().filter(|&row| !missing(row)).collect();
        let n_without_key = kept.len() - rows.len();
        rows.sort_by(|&a, &b| order(a, b).then(a.cmp(&b)));
        let mut starts: Vec<usize> =
            (0..rows.len()).filter(|&i| i == 0 || order(rows[i - 1], rows[i]).is_ne()).collect();
        starts.push(rows.len());
        Ok(Groups { rows, starts, n_without_key })
    }

    /// Returns the number of groups.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns true if there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the rows of a group in table order; never empty.
    pub fn rows(&self, group: usize) -> &[usize] {
        &self.rows[self.starts[group]..self.starts[group + 1]]
    }

    /// Returns the key of each group.
    ///
    /// # Errors
    /// If Arrow refuses.
    pub fn keys(&self, key: &ArrayRef) -> Result<ArrayRef, StageError> {
        let first = self.starts[..self.len()].iter().map(|&start| Some(self.rows[start]));
        take(&plain(key), first)
    }

    /// Computes something of each group's rows, groups in order, on the threads of `work`.
    ///
    /// # Errors
    /// The first one of `f`, in the order of the groups, or if cancelled.
    pub fn map<T: Send>(
        &self,
        work: &Work,
        f: impl Fn(&[usize]) -> Result<T, StageError> + Sync,
    ) -> Result<Vec<T>, StageError> {
        self.map_with(work, || Ok(()), |(), rows| f(rows))
    }

    /// As [`Groups::map`], with something that each thread makes for itself.
    ///
    /// # Errors
    /// As [`Groups::map`], and of `make`.
    pub fn map_with<M, T: Send>(
        &self,
        work: &Work,
        make: impl Fn() -> Result<M, StageError> + Sync,
        f: impl Fn(&M, &[usize]) -> Result<T, StageError> + Sync,
    ) -> Result<Vec<T>, StageError> {
        let chunks = work.pool.map_chunks(self.len(), |groups| {
            work.check()?;
            let made = make()?;
            groups.map(|group| f(&made, self.rows(group))).collect::<Result<Vec<T>, StageError>>()
        });
        let mut all = Vec::with_capacity(self.len());
        for chunk in chunks {
            all.extend(chunk?);
        }
        Ok(all)
    }
}

/// Returns rows of an array; `None` gives null.
///
/// # Errors
/// If Arrow refuses.
pub fn take(
    array: &ArrayRef,
    rows: impl IntoIterator<Item = Option<usize>>,
) -> Result<ArrayRef, StageError> {
    let indices: UInt64Array = rows.into_iter().map(|row| row.map(|r| r as u64)).collect();
    Ok(compute::take(array, &indices, None).map_err(FrameError::from)?)
}

/// Returns the same values with one zero and one NaN, so that equal values are equal bit by bit.
pub fn plain(array: &ArrayRef) -> ArrayRef {
    match array.as_primitive_opt::<Float64Type>() {
        Some(floats) => {
            let one = |v: f64| if v.is_nan() { f64::NAN } else { v + 0.0 };
            Arc::new(floats.iter().map(|v| v.map(one)).collect::<Float64Array>())
        }
        None => array.clone(),
    }
}

/// Returns the order of an array's values; nulls come last.
///
/// # Errors
/// If the type has no order.
pub fn comparator(array: &ArrayRef) -> Result<DynComparator, StageError> {
    let options = SortOptions { descending: false, nulls_first: false };
    Ok(make_comparator(array, array, options).map_err(FrameError::from)?)
}

/// Returns which rows have no value; NaN is none, as in pandas.
pub fn missing(array: &ArrayRef) -> impl Fn(usize) -> bool + Sync + 'static {
    let nulls = array.logical_nulls();
    let floats = array.as_primitive_opt::<Float64Type>().cloned();
    move |row| {
        nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
            || floats.as_ref().is_some_and(|floats| floats.value(row).is_nan())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::table::{float_array, int_array, opt_text_array};

    fn grouped(key: &ArrayRef) -> (Vec<Vec<usize>>, usize) {
        let groups = Groups::new(key, |_| true).unwrap();
        let rows = (0..groups.len()).map(|g| groups.rows(g).to_vec()).collect();
        (rows, groups.n_without_key)
    }

    #[test]
    fn groups_are_in_key_order_and_rows_in_table_order() {
        let texts = opt_text_array([Some("b"), None, Some("a"), Some("b"), Some("B")]);
        assert_eq!(grouped(&texts), (vec![vec![4], vec![2], vec![0, 3]], 1));
        assert_eq!(grouped(&int_array(vec![10, 9, 10])), (vec![vec![1], vec![0, 2]], 0));
        let floats = float_array(vec![0.0, -0.0, f64::NAN, -1.0]);
        assert_eq!(grouped(&floats), (vec![vec![3], vec![0, 1]], 1));
        assert_eq!(grouped(&int_array(vec![])), (vec![], 0));
    }
}
