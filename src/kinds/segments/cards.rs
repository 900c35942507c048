//! One card a segment: its name, size, traits and most telling figures.
//! It does not know the other sections of the page.

use std::fmt::Write;

use crate::kinds::{
    page::{self, number, palette},
    segments::{
        figures::{CategoryFigures, Figures, NumberFigures, Profile},
        label,
        page::Story,
    },
};

/// Numeric columns listed on a card.
const MOST_NUMBERS: usize = 6;
/// Categories listed on a card.
const MOST_CATEGORIES: usize = 5;

/// Returns the card of segment `index`.
pub fn card(story: &Story<'_>, index: usize) -> String {
    let segments = story.segments;
    let number = segments.numbers[index];
    let mut out = format!(
        "<article class=\"card seg {}\" id=\"s{index}\"><div class=\"card-head\"><h3>{}</h3><span class=\"kind\">{}</span></div>\n\
         <p class=\"note\">{} customers, {}</p>\n",
        palette::class(number),
        page::escape(&page::cut(&story.names[index], 90)),
        page::escape(&if number < 0 {
            "no segment".to_string()
        } else {
            format!("segment {}", label(number))
        }),
        number::count(segments.sizes[index]),
        number::percent(segments.share(index)),
    );
    out.push_str("<ul class=\"traits\">");
    for words in story.shown_traits(index) {
        let _ = write!(out, "<li>{}</li>", page::escape(&page::cut(words, 120)));
    }
    out.push_str("</ul>\n");
    out.push_str(&numbers(story.profiles, index));
    out.push_str(&categories(story.profiles, index));
    out + "</article>\n"
}

fn numbers(profiles: &[Profile], index: usize) -> String {
    let mut shown: Vec<(&Profile, &NumberFigures)> = profiles
        .iter()
        .filter_map(|p| match &p.figures {
            Figures::Number(n) if !n.cells[index].z.is_nan() => Some((p, n.as_ref())),
            _ => None,
        })
        .collect();
    let z = |n: &NumberFigures| n.cells[index].z.abs();
    shown.sort_by(|a, b| z(b.1).total_cmp(&z(a.1)));
    let rows: Vec<Vec<String>> = shown
        .iter()
        .take(MOST_NUMBERS)
        .map(|(profile, figures)| {
            let cell = &figures.cells[index];
            vec![
                page::value(&profile.name),
                show(figures, cell.moments.mean),
                show(figures, figures.overall.mean),
                z_bar(cell.z),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    page::table(&["mean of", "here", "all", "z"], &[false, true, true, true], &rows)
}

fn show(figures: &NumberFigures, value: f64) -> String {
    match figures.date {
        // Days would not fit beside each other on a narrow card.
        Some(_) => number::date(value, false).chars().take(7).collect(),
        None => number::figure(value),
    }
}

/// A z score with a bar to the left (below average) or right of the middle.
fn z_bar(z: f64) -> String {
    let width = (z.abs() / 2.0).min(1.0) * 22.0;
    let x = if z < 0.0 { 22.0 - width } else { 22.0 };
    format!(
        "<svg class=\"z\" viewBox=\"0 0 44 10\" aria-hidden=\"true\"><rect class=\"fill {}\" x=\"{x:.1}\" y=\"1\" width=\"{width:.1}\" height=\"8\"/>\
         <path class=\"axis\" d=\"M22 0v10\"/></svg>{}",
        if z < 0.0 { "below" } else { "above" },
        number::fixed(z, 2)
    )
}

fn categories(profiles: &[Profile], index: usize) -> String {
    let mut shown: Vec<(&Profile, &CategoryFigures, usize, f64)> = profiles
        .iter()
        .filter_map(|profile| match &profile.figures {
            Figures::Category(c) => {
                let level =
                    (0..c.levels.len()).filter(|&level| c.share(index, level) >= 0.05).max_by(
                        |&a, &b| c.lift(index, a).total_cmp(&c.lift(index, b)).then(b.cmp(&a)),
                    )?;
                let (share, overall) = (c.share(index, level), c.overall_share(level));
                let z = (share - overall) / (overall * (1.0 - overall)).sqrt();
                z.is_finite().then_some((profile, c, level, z))
            }
            Figures::Number(_) => None,
        })
        .collect();
    shown.sort_by(|a, b| b.3.total_cmp(&a.3));
    let rows: Vec<Vec<String>> = shown
        .iter()
        .take(MOST_CATEGORIES)
        .map(|(profile, c, level, _)| {
            vec![
                format!("{} = {}", page::value(&profile.name), page::value(&c.levels[*level])),
                number::percent(c.share(index, *level)),
                number::percent(c.overall_share(*level)),
                number::fixed(c.lift(index, *level), 2),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    page::table(&["share of", "here", "all", "lift"], &[false, true, true, true], &rows)
}
