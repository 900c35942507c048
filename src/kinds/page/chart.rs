//! SVG charts: histograms, lines, scatters. Sizes are in units of a view box that scales with the page.
//! It does not know what the numbers mean.

use std::fmt::Write;

use crate::{
    kinds::page::{
        escape,
        number::{count, short},
        palette,
        scale::{Scale, ticks},
    },
    ml::stats::Bin,
};

/// A tick: where, and what is written there.
pub type Tick = (f64, String);

/// Returns round ticks with short labels.
pub fn plain_ticks(low: f64, high: f64, wanted: usize) -> Vec<Tick> {
    ticks(low, high, wanted).into_iter().map(|t| (t, short(t))).collect()
}

/// Returns a histogram; `say` words a bin's edge for the tooltip.
pub fn histogram(bins: &[Bin], ticks: &[Tick], label: &str, say: impl Fn(f64) -> String) -> String {
    let (Some(first), Some(last)) = (bins.first(), bins.last()) else { return String::new() };
    let (width, base, top) = (340.0, 100.0, 6.0);
    let x = Scale::new((first.lower, last.upper), (2.0, width - 2.0));
    let most = bins.iter().map(|b| b.count).max().unwrap_or(0).max(1) as f64;
    let mut out = open(width, 120.0, label);
    for bin in bins.iter().filter(|b| b.count > 0) {
        let (left, right) = if first.lower == last.upper {
            (width / 2.0 - 12.0, width / 2.0 + 12.0)
        } else {
            (x.at(bin.lower), x.at(bin.upper))
        };
        // A single row in a hundred thousand is still to be seen.
        let height = ((base - top) * bin.count as f64 / most).max(0.8);
        let _ = writeln!(
            out,
            "<rect class=\"fill\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{height:.2}\"><title>{} to {}: {}</title></rect>",
            left + 0.4,
            base - height,
            (right - left - 0.8).max(0.6),
            escape(&say(bin.lower)),
            escape(&say(bin.upper)),
            count(bin.count)
        );
    }
    let _ = writeln!(out, "<path class=\"axis\" d=\"M0 {base}H{width}\"/>");
    for (at, text) in ticks {
        let px = x.at(*at);
        // Labels at the rim lean inwards, so that none is cut.
        let anchor = match px {
            p if p < 18.0 => "start",
            p if p > width - 18.0 => "end",
            _ => "middle",
        };
        let _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{px} {base}v3\"/><text x=\"{px}\" y=\"114\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        );
    }
    out + "</svg>\n"
}

/// A line of a line chart.
pub struct Line {
    /// What the legend says, as plain text.
    pub name: String,
    /// Colour and mark.
    pub segment: i32,
    /// Points; NaN leaves a gap.
    pub points: Vec<(f64, f64)>,
}

/// What stands around lines or points.
pub struct Frame<'a> {
    /// For screen readers.
    pub label: &'a str,
    /// Under the x axis; may be empty.
    pub x_title: &'a str,
    /// Ticks of the x axis.
    pub x_ticks: Vec<Tick>,
    /// Range of x.
    pub x: (f64, f64),
    /// Ticks of the y axis.
    pub y_ticks: Vec<Tick>,
    /// Range of y.
    pub y: (f64, f64),
    /// Width and height of the view box.
    pub size: (f64, f64),
    /// Whether labels of the x axis are long and stand on a slant.
    pub slanted: bool,
}

const LEFT: f64 = 44.0;
const TOP: f64 = 8.0;

impl Frame<'_> {
    fn scales(&self) -> (Scale, Scale) {
        let (width, height) = self.size;
        let bottom = height
            - match (self.slanted, self.x_title.is_empty()) {
                (true, _) => 88.0,
                (false, true) => 22.0,
                (false, false) => 36.0,
            };
        (Scale::new(self.x, (LEFT, width - 10.0)), Scale::new(self.y, (bottom, TOP)))
    }

    fn start(&self) -> String {
        let (x, y) = self.scales();
        let (width, height) = self.size;
        let mut out = open(width, height, self.label);
        for (at, text) in &self.y_ticks {
            let py = y.at(*at);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {py}H{}\"/><text x=\"{}\" y=\"{:.2}\" text-anchor=\"end\">{}</text>",
                width - 10.0,
                LEFT - 6.0,
                py + 3.5,
                escape(text)
            );
        }
        let bottom = y.at(self.y.0);
        for (at, text) in &self.x_ticks {
            let (px, py) = (x.at(*at), bottom + 14.0);
            let place = if self.slanted {
                format!(
                    "x=\"{px}\" y=\"{py:.2}\" text-anchor=\"end\" transform=\"rotate(-38 {px} {py:.2})\""
                )
            } else {
                format!("x=\"{px}\" y=\"{py:.2}\" text-anchor=\"middle\"")
            };
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{px} {TOP}V{bottom}\"/><text {place}>{}</text>",
                escape(text)
            );
        }
        if !self.x_title.is_empty() {
            let _ = writeln!(
                out,
                "<text class=\"title\" x=\"{:.2}\" y=\"{:.2}\" text-anchor=\"middle\">{}</text>",
                (LEFT + width - 10.0) / 2.0,
                height - 6.0,
                escape(self.x_title)
            );
        }
        out
    }

    /// Returns the frame with what `draw` makes of its scales inside.
    pub fn around(&self, draw: impl FnOnce(Scale, Scale) -> String) -> String {
        let (x, y) = self.scales();
        self.start() + &draw(x, y) + "</svg>\n"
    }

    /// Returns a chart of lines with marks on their points.
    pub fn lines(&self, lines: &[Line]) -> String {
        self.around(|x, y| lines.iter().map(|line| marked(line, x, y)).collect())
    }

    /// Returns a scatter of points `(segment, x, y)`, drawn in the given order.
    pub fn points(&self, points: &[(i32, f64, f64)]) -> String {
        self.around(|x, y| {
            let mut out = String::from("<g class=\"dots\">\n");
            for (segment, px, py) in points {
                out.push_str(&palette::mark(*segment, x.at(*px), y.at(*py), 2.2));
                out.push('\n');
            }
            out + "</g>"
        })
    }
}

/// Returns a line with marks on its points; a point that is not finite leaves a gap.
pub fn marked(line: &Line, x: Scale, y: Scale) -> String {
    let finite = || line.points.iter().filter(|p| p.0.is_finite() && p.1.is_finite());
    let class = palette::class(line.segment);
    let mut out = format!("<path class=\"line {class}\" d=\"{}\"/>", path(&line.points, x, y));
    out.push_str("<g class=\"marks\">");
    for (px, py) in finite() {
        out.push_str(&palette::mark(line.segment, x.at(*px), y.at(*py), 3.0));
    }
    let _ = writeln!(out, "<title>{}</title></g>", escape(&line.name));
    out
}

/// Returns the `d` of a line through points; one that is not finite leaves a gap.
pub fn path(points: &[(f64, f64)], x: Scale, y: Scale) -> String {
    let mut path = String::new();
    let mut pen = "M";
    for (px, py) in points {
        if !(px.is_finite() && py.is_finite()) {
            pen = "M";
            continue;
        }
        let _ = write!(path, "{pen}{} {}", x.at(*px), y.at(*py));
        pen = "L";
    }
    path
}

/// Returns a legend: a mark and a name (HTML) for each segment.
pub fn legend(entries: &[(i32, String)]) -> String {
    let mut out = String::from("<div class=\"legend\">");
    for (segment, name) in entries {
        let _ = write!(out, "<span>{}{name}</span>", palette::key(*segment));
    }
    out + "</div>\n"
}

fn open(width: f64, height: f64, label: &str) -> String {
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n",
        escape(label)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_draw_filled_bins_only() {
        let bins = [
            Bin { lower: 0.0, upper: 1.0, count: 4 },
            Bin { lower: 1.0, upper: 2.0, count: 0 },
            Bin { lower: 2.0, upper: 3.0, count: 1 },
        ];
        let svg = histogram(&bins, &plain_ticks(0.0, 3.0, 3), "<x>", short);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains("aria-label=\"&lt;x&gt;\"") && svg.contains("2 to 3: 1"));
        assert_eq!(histogram(&[], &[], "", short), "");
        let one = histogram(&[Bin { lower: 1.0, upper: 1.0, count: 9 }], &[], "", short);
        assert!(one.contains("width=\"23.20\""));
    }

    #[test]
    fn gaps_break_a_line() {
        let frame = Frame {
            label: "",
            x_title: "k",
            x_ticks: plain_ticks(0.0, 3.0, 3),
            x: (0.0, 3.0),
            y_ticks: vec![],
            y: (0.0, 1.0),
            size: (300.0, 200.0),
            slanted: false,
        };
        let points = vec![(0.0, 0.0), (1.0, f64::NAN), (2.0, 1.0)];
        let svg = frame.lines(&[Line { name: "a".into(), segment: 0, points }]);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(!svg.contains("NaN") && !svg.contains('L'));
    }
}
