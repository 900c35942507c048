//! The k-distance plot: how far each customer's k-th nearest one is, and the radius that DBSCAN took.
//! It does not choose the radius.

use std::fmt::Write;

use arrow::array::Array;

use crate::{
    kinds::{
        page::{
            chart::{self, Frame, plain_ticks},
            number,
        },
        segments::space::{self, Space},
    },
    ml::{cluster::eps, stats::quantile},
    stage::{ctx::Candidate, error::StageError, work::Work},
};

/// Points of the curve that are drawn.
const MOST_POINTS: usize = 400;

/// A drawn curve and what to say about it.
pub struct Density {
    /// The chart.
    pub svg: String,
    /// A sentence, plain text.
    pub lead: String,
}

/// Draws the distances of some rows for the first DBSCAN among the candidates; `None` without one.
///
/// # Errors
/// If its model cannot be read, or the work was asked to stop.
pub fn draw(
    candidates: &[Candidate],
    space: &Space,
    work: &Work,
) -> Result<Option<Density>, StageError> {
    let is_dbscan = |c: &&Candidate| c.kind == "cluster.dbscan" && c.ports.contains_key("model");
    let Some(candidate) = candidates.iter().find(is_dbscan) else { return Ok(None) };
    let model = candidate.table("model")?;
    let (parts, values) = (model.texts("part")?, model.floats("value")?);
    let part = |name: &str| {
        (0..values.len())
            .find(|&row| parts.is_valid(row) && parts.value(row) == name)
            .map(|row| values[row])
    };
    let (Some(radius), Some(min_samples)) = (part("eps"), part("min_samples")) else {
        return Ok(None);
    };
    if space.x.n_rows() < 2 || space.x.n_cols() == 0 {
        return Ok(None);
    }
    let rows = space::some(&(0..space.x.n_rows()).collect::<Vec<_>>(), space::MOST_ROWS);
    let curve = eps::distances(&space.x, &rows, min_samples as usize, work)?;
    let dense = curve.partition_point(|d| *d <= radius) as f64 / curve.len() as f64;
    let of = if rows.len() < space.x.n_rows() {
        format!("{} sampled customers", number::count(rows.len()))
    } else {
        "the customers".to_string()
    };
    let lead = format!(
        "Distance of {of} to the {} nearest one, in order. {} took the radius {} (dashed): {} lie in a region at least that \
         dense, the rest is border or noise.",
        ordinal(min_samples as usize),
        candidate.name,
        number::figure(radius),
        number::percent(dense),
    );
    Ok(Some(Density { svg: svg(&curve, radius), lead }))
}

fn svg(curve: &[f64], radius: f64) -> String {
    let n = curve.len().min(MOST_POINTS);
    let points: Vec<(f64, f64)> = (0..n)
        .map(|i| i as f64 / (n.max(2) - 1) as f64)
        .map(|share| (100.0 * share, quantile(curve, share)))
        .collect();
    // A few far customers would press the rest to the ground.
    let top = quantile(curve, 0.99).max(1.5 * radius).max(1e-300);
    let points: Vec<(f64, f64)> = points.into_iter().filter(|(_, d)| *d <= top).collect();
    let frame = Frame {
        label: "Distances to a near customer, in order",
        x_title: "share of customers, %",
        x_ticks: plain_ticks(0.0, 100.0, 5),
        x: (0.0, 100.0),
        y_ticks: plain_ticks(0.0, top, 5),
        y: (0.0, top),
        size: (760.0, 300.0),
        slanted: false,
    };
    frame.around(|x, y| {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "<path class=\"line plain\" d=\"{}\"/>",
            chart::path(&points, x, y)
        );
        let at = y.at(radius);
        let _ = writeln!(
            out,
            "<path class=\"axis dashed\" d=\"M{} {at}H{}\"/><text x=\"{}\" y=\"{:.2}\">radius {}</text>",
            x.at(0.0),
            x.at(100.0),
            x.at(0.0) + 6.0,
            at - 5.0,
            number::figure(radius)
        );
        out
    })
}

/// `10th`, with the row itself counted as the first.
fn ordinal(n: usize) -> String {
    let ending = match (n % 10, n % 100) {
        (1, r) if r != 11 => "st",
        (2, r) if r != 12 => "nd",
        (3, r) if r != 13 => "rd",
        _ => "th",
    };
    format!("{n}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_endings() {
        let words: Vec<String> = [1, 2, 3, 10, 11, 12, 13, 21, 111].map(ordinal).into();
        assert_eq!(words, ["1st", "2nd", "3rd", "10th", "11th", "12th", "13th", "21st", "111th"]);
    }
}
