//! The map of customers: the first two columns of the matrix, coloured by segment.
//! It does not know what the columns are, components or features.

use crate::{
    kinds::{
        page::{
            self,
            chart::{Frame, plain_ticks},
            number,
        },
        segments::{figures::Segments, space::Space},
    },
    ml::stats::{moments, quantile},
};

/// A drawn map and what to say about it.
pub struct Map {
    /// The chart.
    pub svg: String,
    /// A sentence, plain text.
    pub lead: String,
}

/// Draws the map; `None` if the matrix has fewer than two columns or no rows. At most 2,000 points are
/// drawn, chosen by a fixed seed; the outermost half percent on each side may lie beyond the frame.
pub fn draw(segments: &Segments, space: &Space) -> Option<Map> {
    let ([first, second, ..], true) = (space.names.as_slice(), space.n_rows() > 0) else {
        return None;
    };
    let columns = [space.column(0), space.column(1)];
    let (x, y) = (frame_of(&columns[0]), frame_of(&columns[1]));
    let drawn = space.some_rows();
    let inside = |v: f64, range: (f64, f64)| (range.0..=range.1).contains(&v);
    let points: Vec<(i32, f64, f64)> = drawn
        .iter()
        .map(|&row| (segments.numbers[segments.of_row[row]], columns[0][row], columns[1][row]))
        .filter(|(_, px, py)| inside(*px, x) && inside(*py, y))
        .collect();
    let shares = shares(space);
    let frame = Frame {
        label: "Map of customers by segment",
        x_title: &titled(first, shares[0]),
        x_ticks: plain_ticks(x.0, x.1, 6),
        x,
        y_ticks: plain_ticks(y.0, y.1, 5),
        y,
        size: (760.0, 460.0),
        slanted: false,
    };
    let lead = format!(
        "{} of {} customers by {first} (across) and {second} (up), which hold {} and {} of the variance of what was \
         clustered, together {}.",
        number::count(points.len()),
        number::count(space.n_rows()),
        number::percent(shares[0]),
        number::percent(shares[1]),
        number::percent(shares[0] + shares[1]),
    );
    Some(Map { svg: frame.points(&points), lead })
}

fn titled(name: &str, share: f64) -> String {
    format!("{} ({} of the variance)", page::cut(name, 40), number::percent(share))
}

/// The share of the variance that the first two columns hold.
fn shares(space: &Space) -> [f64; 2] {
    let variance = |column: usize| {
        let std = moments(&space.column(column)).std;
        std * std
    };
    let all: Vec<f64> = (0..space.names.len()).map(variance).collect();
    let total: f64 = all.iter().sum();
    [all[0] / total, all[1] / total]
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
