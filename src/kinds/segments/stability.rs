//! Whether a segment comes back when customers are drawn anew, in the words of the R package fpc's `clusterboot`.
//! It reads what the selection measured and measures nothing.

use arrow::array::{Array, AsArray};

use crate::frame::Table;

/// Returns for each of `numbers` the mean Jaccard coefficient that the leaderboard has of the chosen candidate's segments; NaN
/// where the selection did not ask for it, and for noise.
pub fn of(leaderboard: &Table, numbers: &[i32]) -> Vec<f64> {
    let known = jaccard(leaderboard).unwrap_or_default();
    let one = |number: &i32| usize::try_from(*number).ok().and_then(|s| known.get(s).copied());
    numbers.iter().map(|number| one(number).flatten().unwrap_or(f64::NAN)).collect()
}

fn jaccard(leaderboard: &Table) -> Option<Vec<Option<f64>>> {
    let chosen = leaderboard
        .column("chosen")
        .ok()?
        .as_boolean_opt()?
        .iter()
        .position(|c| c == Some(true))?;
    let texts = leaderboard.texts("jaccard").ok()?;
    let text = texts.is_valid(chosen).then(|| texts.value(chosen))?;
    serde_json::from_str(text).ok()
}

/// Returns what a coefficient means: the limits are those of fpc's documentation.
pub fn words(jaccard: f64) -> &'static str {
    match jaccard {
        j if j >= 0.85 => "highly stable",
        j if j >= 0.75 => "valid, stable",
        j if j >= 0.6 => "a pattern, but who belongs to it is doubtful",
        j if j > 0.5 => "not to be trusted",
        _ => "dissolved",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray};

    use super::*;
    use crate::frame::table::{opt_text_array, text_array};

    #[test]
    fn the_chosen_one_counts() {
        let chosen: ArrayRef = Arc::new(BooleanArray::from(vec![false, true]));
        let jaccard = opt_text_array([Some("[0.1]"), Some("[0.9,null,0.7]")]);
        let columns =
            vec![("stage", text_array(["a", "b"])), ("chosen", chosen), ("jaccard", jaccard)];
        let found = of(&Table::new(None, columns).unwrap(), &[0, 1, 2, -1]);
        assert_eq!((found[0], found[2]), (0.9, 0.7));
        assert!(found[1].is_nan() && found[3].is_nan());
        assert_eq!(
            (words(0.9), words(0.5), words(0.6)),
            ("highly stable", "dissolved", "a pattern, but who belongs to it is doubtful")
        );
    }
}
