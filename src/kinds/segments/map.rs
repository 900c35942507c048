//! The map of customers: the first two columns of the matrix, coloured by segment.
//! It does not know what the columns are, components or features.

use crate::{
    frame::Table,
    kinds::{
        page::{
            chart::{Frame, plain_ticks},
            number,
        },
        segments::{figures::Segments, join},
    },
    ml::{
        rng::Rng,
        stats::{moments, quantile},
    },
    stage::error::StageError,
};

/// Most points drawn.
const MOST_POINTS: usize = 2000;

/// A drawn map and what to say about it.
pub struct Map {
    /// The chart.
    pub svg: String,
    /// A sentence, plain text.
    pub lead: String,
}

/// Draws the map; `None` if the matrix has fewer than two columns or no rows. At most 2,000 points are
/// drawn, chosen by a fixed seed; the outermost half percent on each side may lie beyond the frame.
///
/// # Errors
/// If the matrix is not numeric or its ids are not those of the table.
pub fn draw(table: &Table, segments: &Segments, matrix: &Table) -> Result<Option<Map>, StageError> {
    let rows = join::rows_in(table, matrix, "matrix")?;
    let (names, values) = matrix.to_matrix()?;
    let ([first, second, ..], true) = (names.as_slice(), values.n_rows() > 0) else {
        return Ok(None);
    };
    let columns: Vec<Vec<f64>> =
        (0..2).map(|j| rows.iter().map(|&r| values.row(r)[j]).collect()).collect();
    let (x, y) = (frame_of(&columns[0]), frame_of(&columns[1]));
    let mut drawn = Rng::new(0).sample(rows.len(), MOST_POINTS);
    drawn.sort_unstable();
    let inside = |v: f64, range: (f64, f64)| (range.0..=range.1).contains(&v);
    let points: Vec<(i32, f64, f64)> = drawn
        .iter()
        .map(|&row| (segments.numbers[segments.of_row[row]], columns[0][row], columns[1][row]))
        .filter(|(_, px, py)| inside(*px, x) && inside(*py, y))
        .collect();
    let frame = Frame {
        label: "Map of customers by segment",
        x_title: first,
        x_ticks: plain_ticks(x.0, x.1, 6),
        x,
        y_ticks: plain_ticks(y.0, y.1, 5),
        y,
        size: (760.0, 460.0),
        slanted: false,
    };
    let variance = |j: usize| {
        let std = moments(&values.column(j)).std;
        std * std
    };
    let total: f64 = (0..names.len()).map(variance).sum();
    let share = number::percent((variance(0) + variance(1)) / total);
    let lead = format!(
        "{} of {} customers by {first} (across) and {second} (up), which hold {share} of the variance of the matrix.",
        number::count(points.len()),
        number::count(rows.len()),
    );
    Ok(Some(Map { svg: frame.points(&points), lead }))
}

/// The middle 99 percent and a margin, no wider than the values.
fn frame_of(values: &[f64]) -> (f64, f64) {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else { return (0.0, 1.0) };
    let (low, high) = (quantile(&sorted, 0.005), quantile(&sorted, 0.995));
    let margin = if high > low { 0.1 * (high - low) } else { 1.0 };
    let (low, high) = ((low - margin).max(*min), (high + margin).min(*max));
    let rim = if high > low { 0.02 * (high - low) } else { 1.0 };
    (low - rim, high + rim)
}
