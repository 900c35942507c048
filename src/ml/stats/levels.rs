//! The different values of a text column, most frequent first, and a number for each row.
//! It does not know a missing value's spelling: `None` is missing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

    /// Finds the `n_kept` most frequent levels of a column, which may have a level in every row. There are no codes.
    pub fn most_frequent<'a>(
        values: impl Iterator<Item = Option<&'a str>> + Clone,
        n_kept: usize,
    ) -> Levels {
        let mut marks = marks(values.clone());
        marks.sort_unstable();
        // Runs as (how often, mark), the longest first.
        let runs = marks.chunk_by(|a, b| a == b).map(|run| (run.len() as u32, run[0]));
        let mut runs: Vec<(u32, u64)> = runs.collect();
        drop(marks);
        runs.sort_unstable_by(|a, b| b.cmp(a));
        let least = runs.get(n_kept.saturating_sub(1)).map_or(0, |(n, _)| *n);
        runs.truncate(runs.partition_point(|(n, _)| *n >= least));
        runs.sort_unstable_by_key(|(_, mark)| *mark);
        let count = |text: &str| {
            let at = runs.binary_search_by_key(&mark(text), |(_, mark)| *mark).ok();
            at.map(|at| runs[at].0)
        };
        let mut more: BTreeMap<&str, u32> = BTreeMap::new();
        // Of those that just make it, the smallest.
        let mut equal: BTreeSet<&str> = BTreeSet::new();
        let n_more = runs.iter().filter(|(n, _)| *n > least).count();
        for text in values.flatten() {
            match count(text) {
                Some(n) if n > least => _ = more.insert(text, n),
                Some(_) => {
                    let room = equal.len() + n_more < n_kept;
                    if room || equal.last().is_some_and(|last| text < *last) {
                        equal.insert(text);
                    }
                    if equal.len() + n_more > n_kept {
                        equal.pop_last();
                    }
                }
                None => {}
            }
        }
        let found = more.into_iter().map(|(text, n)| (text, n as usize));
        let found: Vec<_> = found.chain(equal.iter().map(|text| (*text, least as usize))).collect();
        sorted(&found, Vec::new())
    }

    /// Returns how many rows have a value.
    pub fn count(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// Returns how many different values a column has, told apart by 64 bits of each: of ten million different ones, two are
/// taken for one once in some 400,000 columns.
pub fn distinct<'a>(values: impl Iterator<Item = Option<&'a str>>) -> usize {
    let mut marks = marks(values);
    marks.sort_unstable();
    marks.chunk_by(|a, b| a == b).count()
}

fn marks<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Vec<u64> {
    values.flatten().map(mark).collect()
}

/// Returns 64 bits of a text, equal for equal texts and the same on every machine.
pub fn mark(text: &str) -> u64 {
    let mut blocks = text.as_bytes().chunks_exact(8);
    let mut hash = text.len() as u64;
    for block in &mut blocks {
        let word = block.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        hash = mix(hash ^ word);
    }
    let rest = blocks.remainder().iter().rev().fold(0, |word, b| word << 8 | u64::from(*b));
    mix(hash ^ rest)
}

/// A bijective mix of 64 bits (the finaliser of MurmurHash3), after a step that moves zero.
pub fn mix(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x = (x ^ (x >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ (x >> 33)
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

    #[test]
    fn the_most_frequent_are_those_of_all() {
        for n_levels in [1_u64, 7, 90, 400] {
            let texts: Vec<String> = (0..600)
                .map(|i| format!("level {}", (mix(i) % n_levels).min(mix(i + 7) % 300)))
                .collect();
            let values = || texts.iter().map(|t| Some(t.as_str())).chain([None]);
            let all = Levels::of(values());
            assert_eq!(distinct(values()), all.names.len());
            for n_kept in [1, 5, 50, 1_000] {
                let kept = Levels::most_frequent(values(), n_kept);
                let n = n_kept.min(all.names.len());
                assert_eq!(
                    (&kept.names[..], &kept.counts[..]),
                    (&all.names[..n], &all.counts[..n])
                );
            }
        }
    }
}
