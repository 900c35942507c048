//! The page of `segments.profile`: who the segments are, what tells them apart, how they were chosen.
//! A section without its input is left out. It does not compute the figures it shows.

use crate::{
    kinds::{
        page::{
            self, Bar, Heat,
            chart::{self, Frame, Line, plain_ticks},
            number, palette,
        },
        segments::{
            bands::Bands,
            cards,
            dendrogram::Dendrogram,
            density::Density,
            figures::{CategoryFigures, Figures, NumberFigures, Profile, Segments},
            label,
            map::Map,
            rules::Told,
        },
    },
    ml::math,
};

/// Columns shown in the heat map, and in the snake plot, where labels need room.
const MOST_HEAT: usize = 40;
const MOST_SNAKE: usize = 20;
/// Categories shown, and levels of each.
const MOST_CATEGORIES: usize = 12;
const MOST_LEVELS: usize = 8;
/// Segments up to which two tables of them stand side by side.
const MOST_BESIDE: usize = 8;
/// |z| at which a shade is full.
const FULL_Z: f64 = 1.5;

/// Everything the page tells of.
pub struct Story<'a> {
    /// The segments.
    pub segments: &'a Segments,
    /// Every column in every segment.
    pub profiles: &'a [Profile],
    /// A name for each segment.
    pub names: &'a [String],
    /// Telling traits of each segment in words.
    pub traits: &'a [Vec<String>],
    /// What a person noted about each.
    pub notes: &'a [Option<String>],
    /// The section about the reference run, as HTML; empty without one.
    pub continuity: String,
    /// How stable each segment is, 0 to 1; NaN where nobody asked.
    pub stability: &'a [f64],
    /// Ids that stand for each segment; none without the matrix, or under `redact`.
    pub exemplars: &'a [Vec<String>],
    /// Rules that tell the segments apart, and a sentence about them.
    pub rules: Option<&'a Told>,
    /// The map, if the matrix is connected.
    pub map: Option<Map>,
    /// Silhouettes, if the matrix is connected.
    pub bands: Option<&'a Bands>,
    /// The leaderboard as HTML, if connected.
    pub leaderboard: Option<String>,
    /// Charts of candidates by k; empty if not connected.
    pub sweep: String,
    /// The tree of clusters, if a candidate built one.
    pub dendrogram: Option<Dendrogram>,
    /// The k-distance plot, if a candidate went by density.
    pub density: Option<Density>,
    /// Sections about the classifiers, as HTML; empty if none is connected.
    pub classifiers: String,
}

impl Story<'_> {
    /// Returns the whole page.
    pub fn html(&self) -> String {
        let n_segments = self.segments.numbers.iter().filter(|s| **s >= 0).count();
        let n_rows = self.segments.of_row.len();
        let subtitle = format!("{} customers in {n_segments} segments", number::count(n_rows));
        let mut body = self.sizes();
        body.push_str(&self.cards());
        body.push_str(&self.continuity);
        body.push_str(&self.heat_map());
        body.push_str(&self.snake());
        body.push_str(&self.categories());
        if let Some(Told { html, lead, .. }) = self.rules {
            body.push_str(&page::section("rules", "In three questions", lead, html));
        }
        if let Some(map) = &self.map {
            body.push_str(&self.chart("map", "Map", &map.lead, &map.svg, true));
        }
        if let Some(bands) = &self.bands {
            let heading = "How well customers fit";
            body.push_str(&self.chart("silhouette", heading, &bands.lead, &bands.svg, true));
        }
        body.push_str(&self.selection());
        body.push_str(&self.classifiers);
        page::document("Customer segments", &subtitle, &body)
    }

    /// A section of one chart, with the segments' colours under it where it has them.
    fn chart(&self, id: &str, heading: &str, lead: &str, svg: &str, coloured: bool) -> String {
        let legend = if coloured { self.legend() } else { String::new() };
        let content = format!(
            "<div class=\"card\"><div class=\"wide\" tabindex=\"0\">{svg}</div>{legend}</div>\n"
        );
        page::section(id, heading, &page::escape(lead), &content)
    }

    fn selection(&self) -> String {
        let mut out = String::new();
        if let Some(leaderboard) = &self.leaderboard {
            let lead = "Every candidate with the reason why it won or lost.";
            out.push_str(&page::section("leaderboard", "How they were chosen", lead, leaderboard));
        }
        if !self.sweep.is_empty() {
            let heading = "Candidates by number of clusters";
            out.push_str(&page::section("sweep", heading, "", &self.sweep));
        }
        if let Some(tree) = &self.dendrogram {
            out.push_str(&self.chart("tree", "Tree of merges", &tree.lead, &tree.svg, false));
        }
        if let Some(density) = &self.density {
            let heading = "Density: distances to near customers";
            out.push_str(&self.chart("density", heading, &density.lead, &density.svg, false));
        }
        out
    }

    /// Returns the traits of a segment, or that there are none.
    pub fn shown_traits(&self, index: usize) -> Vec<&str> {
        match self.traits[index].as_slice() {
            [] => vec!["close to the average in everything"],
            traits => traits.iter().map(String::as_str).collect(),
        }
    }

    fn sizes(&self) -> String {
        let largest = self.segments.sizes.iter().copied().max().unwrap_or(1) as f64;
        let bars: Vec<Bar> = (0..self.segments.len())
            .map(|i| Bar {
                label: format!("<a href=\"#s{i}\">{}</a>", page::escape(&self.titled(i, 60))),
                share: self.segments.sizes[i] as f64 / largest,
                figure: format!(
                    "{} ({})",
                    number::count(self.segments.sizes[i]),
                    number::percent(self.segments.share(i))
                ),
                class: palette::class(self.segments.numbers[i]),
            })
            .collect();
        let content = format!("<div class=\"card\">{}</div>\n", page::bars(&bars));
        page::section("sizes", "Sizes", "", &content)
    }

    fn cards(&self) -> String {
        let cards: String = (0..self.segments.len()).map(|i| cards::card(self, i)).collect();
        let lead = "z is the segment's mean less the overall mean, in overall standard deviations; rel. how far it lies from \
                    the overall mean; lift is the share in the segment over the overall share.";
        page::section(
            "who",
            "Who they are",
            lead,
            &format!("<div class=\"cards\">\n{cards}</div>\n"),
        )
    }

    /// Numeric columns in table order; of many, those that differ most between segments.
    fn telling(&self, most: usize) -> Vec<(&Profile, &NumberFigures)> {
        let mut shown: Vec<(usize, f64, &Profile, &NumberFigures)> = Vec::new();
        for (i, profile) in self.profiles.iter().enumerate() {
            if let Figures::Number(figures) = &profile.figures {
                let sizes = self.segments.numbers.iter().zip(&figures.cells);
                let strongest = sizes
                    .filter(|(s, _)| **s >= 0)
                    .map(|(_, c)| c.z.abs())
                    .fold(f64::NAN, f64::max);
                if !strongest.is_nan() {
                    shown.push((i, strongest, profile, figures));
                }
            }
        }
        shown.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        shown.truncate(most);
        shown.sort_by_key(|s| s.0);
        shown.into_iter().map(|(_, _, profile, figures)| (profile, figures)).collect()
    }

    fn heat_map(&self) -> String {
        let shown = self.telling(MOST_HEAT);
        if shown.is_empty() {
            return String::new();
        }
        let names: Vec<&str> = shown.iter().map(|(p, _)| p.name.as_str()).collect();
        let rows = page::heads(&names, page::LONGEST_HEAD);
        let columns: Vec<String> = (0..self.segments.len()).map(|i| self.tag(i)).collect();
        let heat = Heat { rows: &rows, columns: &columns, upright: false };
        let table = heat.html(|i, j| {
            let z = shown[i].1.cells[j].z;
            (!z.is_nan()).then(|| (z / FULL_Z, number::fixed(z, 2)))
        });
        let content = table + &self.legend();
        let lead =
            "Blue is above the average of all customers, orange below, in standard deviations (z).";
        page::section("differences", "What tells them apart", lead, &content)
    }

    fn snake(&self) -> String {
        let shown = self.telling(MOST_SNAKE);
        if shown.len() < 2 {
            return String::new();
        }
        let mut reach = 1.0_f64;
        let lines: Vec<Line> = (0..self.segments.len())
            .filter(|i| self.segments.numbers[*i] >= 0)
            .map(|i| {
                let zs: Vec<f64> = shown.iter().map(|(_, figures)| figures.cells[i].z).collect();
                reach = zs.iter().filter(|z| !z.is_nan()).fold(reach, |r, z| r.max(z.abs()));
                Line {
                    name: self.names[i].clone(),
                    segment: self.segments.numbers[i],
                    points: zs.into_iter().enumerate().map(|(x, z)| (x as f64, z)).collect(),
                }
            })
            .collect();
        let labels: Vec<&str> = shown.iter().map(|(p, _)| p.name.as_str()).collect();
        let labels = page::cut_apart(&labels, 16).into_iter().enumerate();
        let frame = Frame {
            label: "z of every column, a line a segment",
            x_title: "",
            x_ticks: labels.map(|(x, name)| (x as f64, name)).collect(),
            x: (-0.3, shown.len() as f64 - 0.7),
            y_ticks: plain_ticks(-reach, reach, 6),
            y: (-1.06 * reach, 1.06 * reach),
            size: (900.0, 400.0),
            slanted: true,
        };
        let content = format!(
            "<div class=\"card\"><div class=\"wide\" tabindex=\"0\">{}</div>{}</div>\n",
            frame.lines(&lines),
            self.legend()
        );
        page::section(
            "snake",
            "Profiles side by side",
            "z of each column; 0 is the average.",
            &content,
        )
    }

    fn categories(&self) -> String {
        let mut out = String::new();
        let categories = self.profiles.iter().filter_map(|profile| match &profile.figures {
            Figures::Category(category) => Some((profile, category)),
            Figures::Number(_) => None,
        });
        for (profile, category) in categories.take(MOST_CATEGORIES) {
            if category.levels.len() > 1 {
                out.push_str(&format!(
                    "<div><h3>{}</h3>\n{}</div>\n",
                    page::value(&profile.name),
                    self.category(category)
                ));
            }
        }
        if out.is_empty() {
            return out;
        }
        let lead =
            "Shares within each segment; blue is more than among all customers, orange less.";
        page::section(
            "categories",
            "Categories",
            lead,
            &format!("<div class=\"{}\">{out}</div>\n", self.beside()),
        )
    }

    /// Few segments leave room for two tables side by side.
    fn beside(&self) -> &'static str {
        if self.segments.len() <= MOST_BESIDE { "two" } else { "stack" }
    }

    fn category(&self, category: &CategoryFigures) -> String {
        let rows: Vec<String> = category
            .levels
            .iter()
            .take(MOST_LEVELS)
            .map(|level| page::value_within(level, page::LONGEST_HEAD))
            .collect();
        let mut columns = vec!["all".to_string()];
        columns.extend((0..self.segments.len()).map(|i| self.tag(i)));
        let heat = Heat { rows: &rows, columns: &columns, upright: false };
        heat.html(|level, column| {
            if column == 0 {
                return Some((0.0, number::percent(category.overall_share(level))));
            }
            let (share, lift) =
                (category.share(column - 1, level), category.lift(column - 1, level));
            // Doubling and halving are equally deep; a full shade is four times more or less.
            let shade = if lift > 0.0 { math::log2(lift) / 2.0 } else { -1.0 };
            (!share.is_nan()).then(|| (shade, number::percent(share)))
        })
    }

    fn legend(&self) -> String {
        let entry = |i: usize| {
            let text = page::escape(&self.titled(i, 44));
            (self.segments.numbers[i], text)
        };
        chart::legend(&(0..self.segments.len()).map(entry).collect::<Vec<_>>())
    }

    /// A segment's number and name.
    fn titled(&self, index: usize, most: usize) -> String {
        let (number, name) = (self.segments.numbers[index], page::cut(&self.names[index], most));
        if number < 0 { name } else { format!("{} {name}", label(number)) }
    }

    /// A segment's colour and number, as HTML.
    fn tag(&self, index: usize) -> String {
        let number = self.segments.numbers[index];
        format!("{}{}", palette::key(number), label(number))
    }
}
