//! Silhouette bands: how well each customer fits its segment, sorted within the segment.
//! It does not know how the segments were found.

use std::fmt::Write;

use crate::{
    kinds::{
        page::{
            chart::{Frame, plain_ticks},
            number, palette,
            scale::Scale,
        },
        segments::{details::Detail, figures::Segments, label, space::Space},
    },
    ml::{
        cluster::silhouette,
        stats::{moments, quantile},
    },
    stage::{error::StageError, work::Work},
};

/// Points along the edge of a band: enough for the eye, few enough for the page.
const MOST_POINTS: usize = 160;
/// Height of the chart, of a gap between bands, and the least of a band.
const HEIGHT: f64 = 420.0;
const GAP: f64 = 5.0;
const LEAST: f64 = 9.0;

/// The bands, and what to say about them.
pub struct Bands {
    /// The chart.
    pub svg: String,
    /// A sentence, plain text.
    pub lead: String,
    /// The figures in it, of all and of each segment.
    pub details: Vec<Detail>,
}

/// The silhouettes of a segment's rows.
struct Band {
    segment: i32,
    /// Largest first.
    widths: Vec<f64>,
}

/// Draws the silhouette of at most 2,000 customers among themselves, chosen by a fixed seed; `None` below two segments.
///
/// # Errors
/// If the work was asked to stop.
pub fn draw(space: &Space, segments: &Segments, work: &Work) -> Result<Option<Bands>, StageError> {
    let rows = space.some_rows_in(segments);
    let labels: Vec<i32> = rows.iter().map(|&row| segments.numbers[segments.of_row[row]]).collect();
    let x = crate::ml::Matrix::new(
        rows.len(),
        space.names.len(),
        rows.iter().flat_map(|&row| space.row(row)).copied().collect(),
    );
    let all: Vec<usize> = (0..rows.len()).collect();
    let widths = silhouette::of_rows(&x, &labels, &all, work)?;
    if widths.is_empty() {
        return Ok(None);
    }
    let mut bands: Vec<Band> = Vec::new();
    for &segment in segments.numbers.iter().filter(|s| **s >= 0) {
        let own = widths.iter().zip(&labels).filter(|(_, label)| **label == segment);
        let mut widths: Vec<f64> = own.map(|(width, _)| *width).collect();
        widths.sort_unstable_by(|a, b| b.total_cmp(a));
        if !widths.is_empty() {
            bands.push(Band { segment, widths });
        }
    }
    let mean = moments(&widths).mean;
    let negative = widths.iter().filter(|w| **w < 0.0).count();
    let known = segments.numbers.iter().zip(&segments.sizes).filter(|(s, _)| **s >= 0);
    let of = if rows.len() < known.map(|(_, n)| n).sum() {
        format!("a sample of {} customers", number::count(rows.len()))
    } else {
        format!("all {} customers", number::count(rows.len()))
    };
    let lead = format!(
        "Of {of}, from the best to the worst fit in each segment: 1 is far from every other segment, 0 on the border, below \
         0 nearer to another one ({}). The mean, dashed, is {}; each segment's own stands on the right.",
        number::percent(negative as f64 / widths.len() as f64),
        number::fixed(mean, 3)
    );
    let mut details = details(None, &widths).to_vec();
    bands.iter().for_each(|band| details.extend(self::details(Some(band.segment), &band.widths)));
    Ok(Some(Bands { svg: svg(&bands, mean), lead, details }))
}

/// Returns how many rows were looked at, how well they fit on average, and which share of them lies nearer to another segment.
fn details(segment: Option<i32>, widths: &[f64]) -> [Detail; 3] {
    let n = widths.len() as f64;
    let negative = widths.iter().filter(|w| **w < 0.0).count() as f64 / n;
    [("rows", n), ("mean", moments(widths).mean), ("negative", negative)]
        .map(|(figure, value)| Detail { section: "silhouette", segment, item: None, figure, value })
}

fn svg(bands: &[Band], mean: f64) -> String {
    let n_rows: usize = bands.iter().map(|b| b.widths.len()).sum();
    let room = HEIGHT - GAP * bands.len() as f64;
    let heights: Vec<f64> =
        bands.iter().map(|b| (room * b.widths.len() as f64 / n_rows as f64).max(LEAST)).collect();
    let total = heights.iter().sum::<f64>() + GAP * bands.len() as f64;
    let least = bands.iter().flat_map(|b| b.widths.last()).copied().fold(0.0, f64::min);
    let most = bands.iter().flat_map(|b| b.widths.first()).copied().fold(0.0, f64::max);
    let low = (least * 10.0).floor() / 10.0;
    let high = ((most * 10.0).ceil() / 10.0 + 0.1).min(1.0);
    let frame = Frame {
        label: "Silhouettes by segment",
        x_title: "silhouette",
        x_ticks: plain_ticks(low, high, 6),
        x: (low, high),
        y_ticks: vec![],
        y: (total, 0.0),
        size: (760.0, total + 44.0),
        slanted: false,
    };
    frame.around(|x, y| {
        let mut out = String::new();
        let mut top = GAP / 2.0;
        for (band, height) in bands.iter().zip(heights) {
            out.push_str(&band.svg(x, y, (top, height)));
            top += height + GAP;
        }
        let (at, end) = (x.at(mean), y.at(total));
        let _ = writeln!(out, "<path class=\"axis dashed\" d=\"M{at} {}V{end}\"/>", y.at(0.0));
        let _ = writeln!(out, "<path class=\"axis\" d=\"M{} {}V{end}\"/>", x.at(0.0), y.at(0.0));
        out
    })
}

impl Band {
    fn svg(&self, x: Scale, y: Scale, (top, height): (f64, f64)) -> String {
        let n = self.widths.len().min(MOST_POINTS);
        let mut edge = format!("M{} {}", x.at(0.0), y.at(top));
        let ascending: Vec<f64> = self.widths.iter().rev().copied().collect();
        for i in 0..n {
            // Steps, so that a segment of one row is a bar and not a triangle.
            let width = quantile(&ascending, 1.0 - (i as f64 + 0.5) / n as f64);
            let from = y.at(top + height * i as f64 / n as f64);
            let _ = write!(edge, "V{from}H{}", x.at(width));
        }
        let _ = write!(edge, "V{}H{}Z", y.at(top + height), x.at(0.0));
        let middle = y.at(top + height / 2.0) + 3.5;
        let mean = moments(&self.widths).mean;
        format!(
            "<path class=\"band {}\" d=\"{edge}\"/><text x=\"{:.2}\" y=\"{middle:.2}\" text-anchor=\"end\">{}</text>\
             <text x=\"{:.2}\" y=\"{middle:.2}\" text-anchor=\"end\">{}</text>\n",
            palette::class(self.segment),
            x.at(x.from().0) - 8.0,
            label(self.segment),
            x.at(x.from().1),
            number::fixed(mean, 2),
        )
    }
}
