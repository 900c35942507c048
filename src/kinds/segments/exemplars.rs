//! Customers that stand for a segment: those nearest to its centre. It does not know anything of them but their ids.

use crate::{
    frame::Table,
    kinds::segments::{figures::Segments, join, space::Space},
    ml::math,
    stage::error::StageError,
};

/// How many stand for a segment.
const EACH: usize = 3;

/// Returns the ids of the three rows of each segment that lie nearest to its mean in the matrix, nearest first, of equally
/// near ones the earlier row. Noise has no centre and none.
///
/// # Errors
/// If the ids cannot be written as text.
pub fn find(
    table: &Table,
    space: &Space,
    segments: &Segments,
) -> Result<Vec<Vec<String>>, StageError> {
    let centres = centres(space, segments);
    let mut nearest: Vec<Vec<(f64, usize)>> = vec![Vec::new(); segments.len()];
    for (row, &segment) in segments.of_row.iter().enumerate() {
        if segments.numbers[segment] < 0 {
            continue;
        }
        let distance = math::squared_distance(space.row(row), &centres[segment]);
        let best = &mut nearest[segment];
        let at = best.partition_point(|(d, _)| *d <= distance);
        if at < EACH {
            best.insert(at, (distance, row));
            best.truncate(EACH);
        }
    }
    let rows: Vec<usize> = nearest.iter().flatten().map(|(_, row)| *row).collect();
    let names = match table.id_name() {
        Some(_) => join::ids(&table.take(&rows)?)?,
        None => rows.iter().map(usize::to_string).collect(),
    };
    let mut names = names.into_iter();
    Ok(nearest.iter().map(|best| names.by_ref().take(best.len()).collect()).collect())
}

/// The mean of each segment.
fn centres(space: &Space, segments: &Segments) -> Vec<Vec<f64>> {
    let mut sums = vec![vec![0.0; space.names.len()]; segments.len()];
    for (row, &segment) in segments.of_row.iter().enumerate() {
        sums[segment].iter_mut().zip(space.row(row)).for_each(|(sum, v)| *sum += v);
    }
    for (sum, size) in sums.iter_mut().zip(&segments.sizes) {
        sum.iter_mut().for_each(|v| *v /= *size as f64);
    }
    sums
}
