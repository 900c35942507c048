//! Drift as a page of its own. It does not know the terminal.

use crate::{
    app::drift::{Drift, Moved, Share, Verdict, Watch},
    kinds::page::{self, Bar, number, palette},
};

/// Returns the page.
pub fn html(watch: &Watch, drift: &Drift) -> String {
    let title = "Drift";
    let scorer = &watch.scorer;
    let subtitle = page::escape(&format!(
        "{} new rows beside the {} of run {} ({})",
        rows(drift.rows[1]),
        rows(drift.rows[0]),
        scorer.run.short(),
        scorer.pipeline
    ));
    let mut body = page::tiles(&tiles(drift));
    for note in &drift.notes {
        body.push_str(&format!("<p class=\"lead\">{}</p>\n", page::escape(note)));
    }
    body.push_str(&page::section("columns", "Columns", LEAD, &columns(drift)));
    body.push_str(&page::section("segments", "Segments", "", &segments(drift)));
    let mut moved: Vec<&Moved> =
        drift.columns.iter().filter(|c| c.verdict > Verdict::Stable).collect();
    moved.sort_by(|a, b| b.psi.total_cmp(&a.psi));
    if !moved.is_empty() {
        let content: String = moved.into_iter().map(bins).collect();
        body.push_str(&page::section("moved", "What has moved", "", &content));
    }
    page::document(title, &subtitle, &body)
}

const LEAD: &str = "The population stability index compares the shares of a column's bins (tenths of the run's own \
                    rows, or levels; missing and unknown ones count as bins): 0 for the same shares, 0.1 is worth a \
                    look, 0.25 is a shift. <i>By chance</i> is about what rows of the very same kind would give.";

fn tiles(drift: &Drift) -> Vec<(String, &'static str)> {
    let n = |verdict| drift.columns.iter().filter(|c| c.verdict == verdict).count();
    let mut tiles = vec![
        (drift.verdict.word().to_string(), "in all"),
        (n(Verdict::Drifted).to_string(), "columns drifted"),
        (n(Verdict::Moved).to_string(), "columns moved"),
        (index(drift.segments_psi), "index of the segments"),
    ];
    if let Some([_, now]) = drift.far {
        tiles.push((number::percent(now), "far from every segment"));
    }
    tiles
}

fn columns(drift: &Drift) -> String {
    let row = |c: &Moved| {
        vec![
            page::value(&c.column),
            index(c.psi),
            index(c.by_chance),
            number::percent(c.missing[1]),
            number::percent(c.missing[0]),
            c.unknown.map_or(String::new(), number::percent),
            verdict(c.verdict),
        ]
    };
    let rows: Vec<Vec<String>> = drift.columns.iter().map(row).collect();
    let head = ["column", "index", "by chance", "missing", "was", "unknown", "verdict"];
    page::table(&head, &[false, true, true, true, true, true, false], &rows)
}

fn segments(drift: &Drift) -> String {
    let bars =
        drift.segments.iter().filter(|s| s.share != [0.0; 2]).map(|Share { segment, share }| Bar {
            label: segment.map_or("none".to_string(), |s| s.to_string()),
            share: share[1],
            figure: format!(
                "{} <small>was {}</small>",
                number::percent(share[1]),
                number::percent(share[0])
            ),
            class: segment.map(palette::class).unwrap_or_default(),
        });
    page::bars(&bars.collect::<Vec<_>>())
}

fn bins(moved: &Moved) -> String {
    let bars = moved.bins.iter().filter(|(_, share)| *share != [0.0; 2]).map(|(bin, share)| Bar {
        label: page::value(bin),
        share: share[1],
        figure: format!(
            "{} <small>was {}</small>",
            number::percent(share[1]),
            number::percent(share[0])
        ),
        class: String::new(),
    });
    let bars = page::bars(&bars.collect::<Vec<_>>());
    format!("<h3>{} {}</h3>\n{bars}", page::value(&moved.column), index(moved.psi))
}

fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Stable => String::new(),
        other => format!("<b>{}</b>", other.word()),
    }
}

fn index(psi: f64) -> String {
    if psi.is_nan() { "–".to_string() } else { number::fixed(psi, 3) }
}

fn rows(n: u64) -> String {
    number::count(usize::try_from(n).unwrap_or(usize::MAX))
}
