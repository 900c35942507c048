//! The different values of a text column, most frequent first, and a number for each row.
//! It does not know a missing value's spelling: `None` is missing.

use std::collections::HashMap;

/// The code of a missing value in [`Levels::codes`].
pub const MISSING: u32 = u32::MAX;

/// The different values of a column.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// The values, most frequent first; equally frequent ones in order of their bytes.
    pub names: Vec<String>,
    /// How often each occurs.
    pub counts: Vec<usize>,
    /// For each row the index into `names`, or [`MISSING`].
    pub codes: Vec<u32>,
}

impl Levels {
    /// Finds the levels of a column.
    pub fn of<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Levels {
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut found: Vec<(&str, usize)> = Vec::new();
        let mut codes: Vec<u32> = Vec::with_capacity(values.size_hint().0);
        for value in values {
            let Some(text) = value else {
                codes.push(MISSING);
                continue;
            };
            let code = *seen.entry(text).or_insert_with(|| {
                found.push((text, 0));
                found.len() as u32 - 1
            });
            found[code as usize].1 += 1;
            codes.push(code);
        }
        sorted(&found, codes)
    }

    /// Returns how many rows have a value.
    pub fn count(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// Renumbers codes given in order of appearance into the order of frequency.
fn sorted(found: &[(&str, usize)], mut codes: Vec<u32>) -> Levels {
    let mut by_count: Vec<u32> = (0..found.len() as u32).collect();
    by_count.sort_unstable_by(|&a, &b| {
        let (a, b) = (found[a as usize], found[b as usize]);
        b.1.cmp(&a.1).then(a.0.cmp(b.0))
    });
    let mut place = vec![0_u32; found.len()];
    for (new, &old) in (0_u32..).zip(&by_count) {
        place[old as usize] = new;
    }
    for code in codes.iter_mut().filter(|code| **code != MISSING) {
        *code = place[*code as usize];
    }
    Levels {
        names: by_count.iter().map(|&i| found[i as usize].0.to_string()).collect(),
        counts: by_count.iter().map(|&i| found[i as usize].1).collect(),
        codes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_first_then_smallest() {
        let levels = Levels::of([Some("b"), None, Some("c"), Some("a"), Some("c")].into_iter());
        assert_eq!(levels.names, ["c", "a", "b"]);
        assert_eq!(levels.counts, [2, 1, 1]);
        assert_eq!(levels.codes, [2, MISSING, 0, 1, 0]);
        assert_eq!(levels.count(), 4);
    }
}
