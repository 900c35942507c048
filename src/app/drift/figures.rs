//! From counts to figures: how far each column, and the segments, have moved, and whether that is too far. It does not
//! know where counts come from.

use serde::Serialize;

use super::profile::{Bins, Counts, LEVELS, Profile};
use crate::ml::stats::stability;

/// From where on a figure is worth a look, and from where on it is drift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// The index of a column, or of the segments.
    pub psi: [f64; 2],
    /// The share of rows far from every segment; a hundredth of the run's own rows are.
    pub far: [f64; 2],
    /// The share of rows with a level that the run has never seen.
    pub unknown: [f64; 2],
    /// How much larger than the run's the share of rows without a value is.
    pub missing: [f64; 2],
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { psi: [0.1, 0.25], far: [0.02, 0.05], unknown: [0.01, 0.05], missing: [0.05, 0.2] }
    }
}

/// What a figure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to see.
    Stable,
    /// Worth a look.
    Moved,
    /// Too far.
    Drifted,
}

impl Verdict {
    /// Returns the word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Stable => "stable",
            Verdict::Moved => "moved",
            Verdict::Drifted => "drifted",
        }
    }

    fn of(value: f64, [moved, drifted]: [f64; 2]) -> Verdict {
        match value {
            v if v >= drifted => Verdict::Drifted,
            v if v >= moved => Verdict::Moved,
            _ => Verdict::Stable,
        }
    }
}

/// A column, then and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moved {
    /// Its name.
    pub column: String,
    /// The index over its bins, what is missing and what is unknown among them; NaN without rows.
    pub psi: f64,
    /// About what it would be by chance alone.
    pub by_chance: f64,
    /// The shares of rows without a value, then and now.
    pub missing: [f64; 2],
    /// The share of rows with a level that the run has never seen; `None` for numbers, or if it saw too many to tell.
    pub unknown: Option<f64>,
    /// What the figures say together.
    pub verdict: Verdict,
    /// The bins, in words, with their shares then and now.
    pub bins: Vec<(String, [f64; 2])>,
}

/// A segment, then and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Its number; `None` for rows that get no segment.
    pub segment: Option<i32>,
    /// Its shares, then and now.
    pub share: [f64; 2],
}

/// New rows beside those of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// How many rows the run had, and how many there are now.
    pub rows: [u64; 2],
    /// The columns, in their order.
    pub columns: Vec<Moved>,
    /// The segments.
    pub segments: Vec<Share>,
    /// The index over the segments.
    pub segments_psi: f64,
    /// What that says.
    pub segments_verdict: Verdict,
    /// The shares of rows far from every segment, then and now; `None` where there is no telling.
    pub far: Option<[f64; 2]>,
    /// What that says.
    pub far_verdict: Verdict,
    /// The worst of all verdicts.
    pub verdict: Verdict,
    /// What a person should hear of.
    pub notes: Vec<String>,
}

impl Profile {
    /// Compares counted rows with the run's own.
    pub fn compare(&self, now: &Counts, limits: &Limits) -> Drift {
        let before = &self.counts;
        let columns: Vec<Moved> = (0..self.columns.len())
            .map(|i| self.column(i, &before.columns[i], &now.columns[i], limits))
            .collect();
        let names = self.segments.iter().map(|s| Some(*s)).chain([None]);
        let shares = then_and_now(&before.segments, &now.segments);
        let segments: Vec<Share> =
            names.zip(shares).map(|(segment, share)| Share { segment, share }).collect();
        let segments_psi = stability::index(&before.segments, &now.segments);
        let segments_verdict = Verdict::of(segments_psi, limits.psi);
        let share = |counts: &Counts| counts.far as f64 / counts.measured as f64;
        let measured = before.measured > 0 && now.measured > 0;
        let far = measured.then(|| [share(before), share(now)]);
        let far_verdict = far.map_or(Verdict::Stable, |far| Verdict::of(far[1], limits.far));
        let worst = columns.iter().map(|c| c.verdict).max().unwrap_or(Verdict::Stable);
        let mut notes = Vec::new();
        let chance = columns.iter().map(|c| c.by_chance).fold(0.0, f64::max);
        if now.rows > 0 && chance > limits.psi[0] / 2.0 {
            notes.push(format!(
                "{} rows are few: an index of {chance:.2} is what chance alone gives; take more before you \
                 believe small ones",
                now.rows
            ));
        }
        Drift {
            rows: [before.rows, now.rows],
            columns,
            segments,
            segments_psi,
            segments_verdict,
            far,
            far_verdict,
            verdict: worst.max(segments_verdict).max(far_verdict),
            notes,
        }
    }

    fn column(&self, i: usize, before: &[u64], now: &[u64], limits: &Limits) -> Moved {
        let column = &self.columns[i];
        let (words, merged) = words(&column.bins);
        let (then, these) = (merge(before, merged), merge(now, merged));
        let psi = stability::index(&then, &these);
        let share = |counts: &[u64], at: usize| {
            let all: u64 = counts.iter().sum();
            counts.get(at).copied().unwrap_or(0) as f64 / all.max(1) as f64
        };
        let last = before.len().saturating_sub(1);
        let missing = [share(before, last), share(now, last)];
        let unknown = match &column.bins {
            Bins::Levels { all: true, .. } => Some(share(now, last - 1)),
            _ => None,
        };
        let rows = |counts: &[u64]| counts.iter().sum::<u64>();
        let occupied = then.iter().zip(&these).filter(|(a, b)| **a > 0 || **b > 0).count();
        let verdict = Verdict::of(psi, limits.psi)
            .max(Verdict::of(unknown.unwrap_or(0.0), limits.unknown))
            .max(Verdict::of(missing[1] - missing[0], limits.missing));
        Moved {
            column: column.name.clone(),
            psi,
            by_chance: stability::by_chance(occupied, rows(before), rows(now)),
            missing,
            unknown,
            verdict,
            bins: words.into_iter().zip(then_and_now(&then, &these)).collect(),
        }
    }
}

/// Returns the words of a column's bins, and how many rarer levels before the last two counts are merged into one.
fn words(bins: &Bins) -> (Vec<String>, usize) {
    let rest = ["missing".to_string()];
    match bins {
        Bins::Edges(edges) => {
            let number = |v: &f64| format!("{v}");
            let mut words = Vec::with_capacity(edges.len() + 2);
            match edges.first() {
                None => words.push("all values".to_string()),
                Some(first) => words.push(format!("below {}", number(first))),
            }
            words.extend(
                edges.windows(2).map(|w| format!("{} to {}", number(&w[0]), number(&w[1]))),
            );
            words.extend(edges.last().map(|last| format!("from {}", number(last))));
            words.extend(rest);
            (words, 0)
        }
        Bins::Levels { levels, all } => {
            let merged = levels.len().saturating_sub(LEVELS);
            let shown = &levels[..levels.len() - merged];
            let mut words: Vec<String> = shown.to_vec();
            if merged > 0 {
                words.push(format!("{merged} rarer ones"));
            }
            words.push(if *all { "unknown" } else { "others" }.to_string());
            words.extend(rest);
            (words, merged)
        }
    }
}

/// Adds up the `merged` counts that stand before the last two.
fn merge(counts: &[u64], merged: usize) -> Vec<u64> {
    if merged == 0 {
        return counts.to_vec();
    }
    let end = counts.len().saturating_sub(2);
    let start = end.saturating_sub(merged);
    let mut all = counts[..start].to_vec();
    all.push(counts[start..end].iter().sum());
    all.extend_from_slice(&counts[end..]);
    all
}

fn then_and_now(before: &[u64], now: &[u64]) -> Vec<[f64; 2]> {
    let all = |counts: &[u64]| counts.iter().sum::<u64>().max(1) as f64;
    let (then, these) = (all(before), all(now));
    before.iter().zip(now).map(|(a, b)| [*a as f64 / then, *b as f64 / these]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::drift::profile::{ColumnProfile, Places};

    fn profile() -> Profile {
        let levels = (0..LEVELS + 5).map(|i| format!("l{i}")).collect();
        let mut own = vec![10; LEVELS + 5];
        own.extend([0, 0]);
        Profile {
            columns: vec![
                ColumnProfile { name: "x".into(), bins: Bins::Edges(vec![1.0, 2.0]) },
                ColumnProfile { name: "l".into(), bins: Bins::Levels { levels, all: true } },
            ],
            segments: vec![0, 1],
            places: Some(Places { centres: vec![], far: 1.0 }),
            counts: Counts {
                rows: 250,
                columns: vec![vec![80, 80, 80, 10], own],
                segments: vec![150, 100, 0],
                far: 2,
                measured: 250,
            },
        }
    }

    #[test]
    fn the_same_rows_are_stable() {
        let profile = profile();
        let drift = profile.compare(&profile.counts, &Limits::default());
        assert_eq!(
            (drift.verdict, drift.segments_psi, drift.columns[1].psi),
            (Verdict::Stable, 0.0, 0.0)
        );
        assert_eq!(drift.columns[0].bins[1].0, "1 to 2");
        assert_eq!(drift.columns[1].bins.len(), LEVELS + 3, "rarer ones, unknown, missing");
        assert_eq!(drift.far, Some([0.008, 0.008]));
    }

    #[test]
    fn each_way_to_drift_is_seen() {
        let profile = profile();
        let verdicts = |change: &dyn Fn(&mut Counts)| {
            let mut now = profile.counts.clone();
            change(&mut now);
            let drift = profile.compare(&now, &Limits::default());
            let columns: Vec<Verdict> = drift.columns.iter().map(|c| c.verdict).collect();
            (columns, drift.segments_verdict, drift.far_verdict, drift.verdict)
        };
        use Verdict::*;
        let stable = vec![Stable, Stable];
        let numbers = verdicts(&|now| now.columns[0] = vec![10, 80, 150, 10]);
        assert_eq!(numbers, (vec![Drifted, Stable], Stable, Stable, Drifted));
        let missing = verdicts(&|now| now.columns[0] = vec![70, 70, 70, 40]);
        assert_eq!(missing.0[0], Moved);
        let unknown = verdicts(&|now| now.columns[1][LEVELS + 5] = 4);
        assert_eq!(unknown.0[1], Moved);
        let segments = verdicts(&|now| now.segments = vec![50, 200, 0]);
        assert_eq!(segments, (stable.clone(), Drifted, Stable, Drifted));
        let far = verdicts(&|now| now.far = 10);
        assert_eq!(far, (stable.clone(), Stable, Moved, Moved));
        // Without rows nothing is known, and nothing is said.
        let none = verdicts(&|now| *now = profile.none());
        assert_eq!(none, (stable, Stable, Stable, Stable));
    }
}
