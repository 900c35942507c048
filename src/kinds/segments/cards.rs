//! One card a segment: its name, size, traits and most telling figures.
//! It does not know the other sections of the page.

use std::fmt::Write;

use crate::kinds::{
    page::{self, number, palette},
    segments::{
        figures::{CategoryFigures, Figures, NumberFigures, Profile},
        label,
        page::Story,
        stability,
    },
};

/// Numeric columns listed on a card.
const MOST_NUMBERS: usize = 6;
/// Longest name of a column beside its figures.
const LONGEST_NAME: usize = 24;
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
    if let Some(note) = &story.notes[index] {
        let _ = writeln!(out, "<p class=\"said\">{}</p>", page::escape(&page::cut(note, 600)));
    }
    out.push_str("<ul class=\"traits\">");
    for words in story.shown_traits(index) {
        let _ = write!(out, "<li>{}</li>", page::escape(&page::cut(words, 120)));
    }
    out.push_str("</ul>\n");
    out.push_str(&numbers(story.profiles, index));
    out.push_str(&categories(story.profiles, index));
    out.push_str(&facts(story, index));
    out + "</article>\n"
}

/// How stable the segment is, and who stands for it.
fn facts(story: &Story<'_>, index: usize) -> String {
    let mut out = String::new();
    let jaccard = story.stability[index];
    if !jaccard.is_nan() {
        let _ = write!(
            out,
            "<div><dt>stability</dt><dd>{} <span class=\"soft\">{}</span></dd></div>",
            number::fixed(jaccard, 2),
            stability::words(jaccard)
        );
    }
    let ids = &story.exemplars[index];
    if !ids.is_empty() {
        let id = |id: &String| format!("<span class=\"id\">{}</span>", page::value_within(id, 24));
        let ids: Vec<String> = ids.iter().map(id).collect();
        let _ = write!(out, "<div><dt>typical</dt><dd>{}</dd></div>", ids.join(" "));
    }
    if out.is_empty() { out } else { format!("<dl class=\"facts\">{out}</dl>\n") }
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
    shown.truncate(MOST_NUMBERS);
    // Of what can be negative a ratio of means says nothing.
    let ratio = |figures: &NumberFigures| match figures.min >= 0.0 {
        true => figures.cells[index].relative_importance,
        false => f64::NAN,
    };
    let any_ratio = shown.iter().any(|(_, figures)| !ratio(figures).is_nan());
    let row = |(profile, figures): &(&Profile, &NumberFigures)| {
        let cell = &figures.cells[index];
        let mut row = vec![
            page::breaking(&page::cut(&profile.name, LONGEST_NAME)),
            show(figures, cell.moments.mean),
            show(figures, figures.overall.mean),
            z_bar(cell.z),
        ];
        if any_ratio {
            row.push(relative(ratio(figures)));
        }
        row
    };
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = ["mean of", "here", "all", "z", "rel."];
    page::table(&head[..rows[0].len()], &[false, true, true, true, true], &rows)
}

/// The relative importance as a signed percentage.
fn relative(ratio: f64) -> String {
    match ratio {
        r if r.is_nan() => number::figure(r),
        r if r.abs() >= 9.995 => format!("{}×", number::fixed(r + 1.0, 0)),
        r if r > 0.0 => format!("+{}%", number::fixed(100.0 * r, 0)),
        r => format!("{}%", number::fixed(100.0 * r, 0)),
    }
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
    let width = (z.abs() / 2.0).min(1.0) * 15.0;
    let x = if z < 0.0 { 15.0 - width } else { 15.0 };
    format!(
        "<svg class=\"z\" viewBox=\"0 0 30 10\" aria-hidden=\"true\"><rect class=\"fill {}\" x=\"{x:.1}\" y=\"1\" width=\"{width:.1}\" height=\"8\"/>\
         <path class=\"axis\" d=\"M15 0v10\"/></svg>{}",
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
