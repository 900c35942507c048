//! What tells a segment from the rest, strongest first, in words with figures.
//! It does not know the other segments: each is held against all rows.

use crate::{
    kinds::{
        page::{self, number},
        segments::figures::{CategoryFigures, Figures, NumberFigures, OTHER, Profile},
    },
    ml::stats::spearman,
};

/// Standardised difference from all rows below which nothing is said...
const FAINTEST: f64 = 0.2;
/// ...nor below this many standard errors, so that a handful of rows is not described by chance.
const STANDARD_ERRORS: f64 = 1.5;
/// A level is told if it is at least this much more frequent than overall...
const LEAST_LIFT: f64 = 1.2;
/// ...and at least this share of the segment has it.
const LEAST_SHARE: f64 = 0.2;
/// Rank correlation from which two columns tell the same story.
const SAME_STORY: f64 = 0.75;
/// From this ratio of means on, "3.1x average" says more than two figures.
const TELLING_RATIO: f64 = 1.5;

/// Longest column name within a segment's name.
const LONGEST_NAME: usize = 28;

/// Something telling about a segment.
#[derive(Clone, Debug)]
pub struct Trait {
    /// Index of the column.
    pub column: usize,
    /// Absolute standardised difference: |z| of a number, and of a level's 0/1 indicator, so that both
    /// are on one scale.
    pub strength: f64,
    /// With figures: `monetary 3.1x average`.
    pub words: String,
    /// Without: `high monetary`.
    pub phrase: String,
}

/// Returns what tells segment `index` apart, strongest first, one trait a column; columns that rank rows
/// as a stronger one does come after all others.
pub fn of_segment(index: usize, profiles: &[Profile]) -> Vec<Trait> {
    let mut found: Vec<Trait> = profiles
        .iter()
        .enumerate()
        .filter_map(|(column, profile)| match &profile.figures {
            Figures::Number(number) => of_number(column, &profile.name, number, index),
            Figures::Category(category) => of_category(column, &profile.name, category, index),
        })
        .collect();
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.column.cmp(&b.column)));
    // The strongest of wide tables will do; comparing every pair would take long.
    found.truncate(24);
    let (mut first, mut echoes): (Vec<Trait>, Vec<Trait>) = (Vec::new(), Vec::new());
    for candidate in found {
        let echo =
            first.iter().any(|t| same_story(&profiles[t.column], &profiles[candidate.column]));
        if echo { echoes.push(candidate) } else { first.push(candidate) }
    }
    first.append(&mut echoes);
    first
}

fn same_story(a: &Profile, b: &Profile) -> bool {
    match (&a.figures, &b.figures) {
        (Figures::Number(a), Figures::Number(b)) => {
            spearman(&a.numbers, &b.numbers).abs() >= SAME_STORY
        }
        _ => false,
    }
}

fn of_number(column: usize, name: &str, number: &NumberFigures, index: usize) -> Option<Trait> {
    let cell = &number.cells[index];
    if cell.z.is_nan() || cell.z.abs() < faintest(cell.moments.count) {
        return None;
    }
    let high = cell.z > 0.0;
    let (mean, overall) = (cell.moments.mean, number.overall.mean);
    let words = match number.date {
        Some(_) => format!(
            "{name} {} ({} vs {})",
            if high { "late" } else { "early" },
            number::date(mean, false),
            number::date(overall, false)
        ),
        None if number.min >= 0.0 && mean >= TELLING_RATIO * overall => {
            format!("{name} {}x average", number::fixed(mean / overall, 1))
        }
        None => format!(
            "{name} {} ({} vs {})",
            if high { "high" } else { "low" },
            number::figure(mean),
            number::figure(overall)
        ),
    };
    let phrase = number_phrase(name, high, number.date.is_some());
    Some(Trait { column, strength: cell.z.abs(), words, phrase })
}

fn faintest(n_rows: usize) -> f64 {
    (STANDARD_ERRORS / (n_rows.max(1) as f64).sqrt()).max(FAINTEST)
}

fn of_category(
    column: usize,
    name: &str,
    category: &CategoryFigures,
    index: usize,
) -> Option<Trait> {
    let faintest = faintest(category.counts[index].iter().sum());
    let mut best: Option<Trait> = None;
    for (level, value) in category.levels.iter().enumerate() {
        let (share, overall) = (category.share(index, level), category.overall_share(level));
        let lift = share / overall;
        let strength = (share - overall) / (overall * (1.0 - overall)).sqrt();
        let telling = strength >= faintest
            && strength.is_finite()
            && lift >= LEAST_LIFT
            && share >= LEAST_SHARE
            && value != OTHER
            && best.as_ref().is_none_or(|b| strength > b.strength);
        if telling {
            let words = format!(
                "{name}={value} lift {} ({} vs {})",
                number::fixed(lift, 1),
                number::percent(share),
                number::percent(overall)
            );
            let phrase = match (category.boolean, value.as_str()) {
                (true, "true") => spoken(name),
                (true, _) => format!("not {}", spoken(name)),
                _ => format!("{} {}", spoken(name), page::cut(value, LONGEST_NAME)),
            };
            best = Some(Trait { column, strength, words, phrase });
        }
    }
    best
}

/// What people say of columns that customer tables often have: if a part of the name is the first word,
/// high values are called the second, low ones the third.
const LEXICON: [(&str, &str, &str); 9] = [
    ("recency", "lapsed", "recent"),
    ("frequency", "frequent", "infrequent"),
    ("tenure", "long-standing", "new"),
    ("age", "older", "younger"),
    ("monetary", "high spend", "low spend"),
    ("spend", "high spend", "low spend"),
    ("spending", "high spend", "low spend"),
    ("revenue", "high revenue", "low revenue"),
    ("nps", "promoters", "detractors"),
];

fn number_phrase(name: &str, high: bool, date: bool) -> String {
    let lower = name.to_lowercase();
    let mut parts = lower.split(|c: char| !c.is_alphanumeric());
    let known = LEXICON.iter().find(|(part, ..)| parts.clone().any(|p| p == *part));
    match (known, date, high) {
        (Some((_, word, _)), false, true) | (Some((_, _, word)), false, false) => word.to_string(),
        (_, true, true) => format!("late {}", spoken(name)),
        (_, true, false) => format!("early {}", spoken(name)),
        _ if parts.next().is_none() => "unnamed".to_string(),
        (_, false, true) => format!("high {}", spoken(name)),
        (_, false, false) => format!("low {}", spoken(name)),
    }
}

/// A column name as words; of a long one, enough to know it by.
fn spoken(name: &str) -> String {
    let words = name.split('_').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    page::cut(&words, LONGEST_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases() {
        for (name, high, date, expected) in [
            ("monetary", true, false, "high spend"),
            ("recency_days", false, false, "recent"),
            ("avg_basket", true, false, "high avg basket"),
            ("page_views", false, false, "low page views"),
            ("Spending Score (1-100)", false, false, "low spend"),
            ("signup_date", true, true, "late signup date"),
            ("age", false, false, "younger"),
        ] {
            assert_eq!(number_phrase(name, high, date), expected);
        }
    }
}
