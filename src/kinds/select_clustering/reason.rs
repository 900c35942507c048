//! Why each candidate won or lost, in a sentence. It does not know how scores come about.

use std::collections::BTreeMap;

use crate::kinds::select_clustering::{Entry, Standing};

/// Returns a reason for every entry, in their order: the winner first.
pub(super) fn all(entries: &[Entry<'_>], weights: &BTreeMap<String, f64>) -> Vec<String> {
    let eligible: Vec<(&Entry<'_>, &Standing)> =
        entries.iter().filter_map(|e| e.standing.as_ref().map(|s| (e, s))).collect();
    let n = eligible.len();
    let one = |entry: &Entry<'_>| match (&entry.standing, eligible.first()) {
        (Some(standing), Some((winner, best))) => {
            let figures = figures(entry, standing, weights, n);
            if entry.candidate.name == winner.candidate.name {
                won(entry, standing, eligible.get(1).copied(), &figures, n)
            } else {
                lost(entry, standing, (winner, best), &figures)
            }
        }
        _ => format!("not eligible: {}", entry.failures.join("; ")),
    };
    entries.iter().map(one).collect()
}

/// Says that no candidate is eligible and why for each.
pub(super) fn nobody(entries: &[Entry<'_>]) -> String {
    if entries.is_empty() {
        return "there are no candidates to choose from".to_string();
    }
    let each =
        entries.iter().map(|e| format!("\n  {}: {}", e.candidate.name, e.failures.join("; ")));
    format!(
        "no candidate meets the requirements; loosen `require` or offer others:{}",
        each.collect::<String>()
    )
}

fn won(
    entry: &Entry<'_>,
    standing: &Standing,
    second: Option<(&Entry<'_>, &Standing)>,
    figures: &str,
    n: usize,
) -> String {
    match second {
        None => format!("chosen: the only eligible candidate; {figures}"),
        Some((other, its)) if its.score == standing.score => format!(
            "chosen: score {:.3}, equal with {}, but {}; {figures}",
            standing.score,
            other.candidate.name,
            tie_break(entry, other)
        ),
        Some(_) => format!("chosen: best score of {n}, {:.3}; {figures}", standing.score),
    }
}

fn lost(
    entry: &Entry<'_>,
    standing: &Standing,
    (winner, best): (&Entry<'_>, &Standing),
    figures: &str,
) -> String {
    let name = &winner.candidate.name;
    if standing.score == best.score {
        let why = tie_break(winner, entry);
        return format!("score {:.3}, equal with {name}, which {why}; {figures}", standing.score);
    }
    format!("score {:.3} against {:.3} of {name}; {figures}", standing.score, best.score)
}

/// Returns what decided between `winner` and `loser` at equal scores.
fn tie_break(winner: &Entry<'_>, loser: &Entry<'_>) -> &'static str {
    if winner.metric("n_segments") == loser.metric("n_segments") {
        "comes first by name"
    } else {
        "has fewer segments"
    }
}

/// Returns the figures behind a score: `silhouette 0.5547 (1 of 4), ...`, heaviest first.
fn figures(
    entry: &Entry<'_>,
    standing: &Standing,
    weights: &BTreeMap<String, f64>,
    n: usize,
) -> String {
    let mut metrics: Vec<(&String, f64)> = weights.iter().map(|(name, w)| (name, *w)).collect();
    metrics.sort_by(|a, b| b.1.total_cmp(&a.1));
    let figure = |(name, _): &(&String, f64)| {
        let value = entry.metric(name).map_or_else(|| "null".to_string(), |v| format!("{v:.4}"));
        let place = standing.places.get(*name).copied().unwrap_or(n);
        format!("{name} {value} ({place} of {n})")
    };
    metrics.iter().map(figure).collect::<Vec<_>>().join(", ")
}
