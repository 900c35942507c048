//! Names that people write and read: suggestions for typos, instance names, percent-encoding.
//! It does not know which names exist.

/// Longest name, in characters, for which a similar one is looked for.
const LONGEST_TYPO: usize = 100;

/// Returns the candidate nearest to `wrong`, if one is near enough to be a plausible typo.
pub fn did_you_mean<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let length = wrong.chars().count();
    let limit = (length / 3).max(1);
    let wrong = wrong.to_lowercase();
    candidates
        .into_iter()
        // Whoever writes longer names than that made no typo, and the distance costs length times length.
        .filter(|candidate| {
            length <= LONGEST_TYPO && candidate.chars().count().abs_diff(length) <= limit
        })
        .filter_map(|candidate| {
            Some((edit_distance(&wrong, &candidate.to_lowercase(), limit)?, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns the help text `did you mean `x`?`, or an empty text without a near candidate.
pub fn suggestion<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(wrong, candidates).map(|c| format!("did you mean `{c}`?")).unwrap_or_default()
}

/// Returns true for what may name a stage or a pipeline: `[a-z0-9_-]+`.
pub fn is_stage_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// Returns true for a relative path that cannot leave the folder it starts in: names only, no `..`, no root. The one
/// check for every path that comes out of a record or a pipeline.
pub fn stays_inside(path: &str) -> bool {
    use std::path::{Component, Path};
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some()
        && parts.all(|part| matches!(part, Component::Normal(_)))
        && !path.contains('\0')
}

/// Returns true for what may name one file in the store: the name of an output, the ending of its file.
pub fn is_file_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Returns `known` for a person: the first few, and how many there are in all.
pub fn listed<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 40;
    let known: Vec<&str> = known.into_iter().collect();
    match known.get(..SHOWN) {
        Some(first) if known.len() > SHOWN => {
            format!("{}, ... ({} in all)", first.join(", "), known.len())
        }
        _ => known.join(", "),
    }
}

/// Encodes a matrix value for use in an instance name: letters, digits, `_`, `-` and `+` stay, as does a
/// dot; everything else becomes `%XX` a byte.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'+' | b'.' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    // A name that is only dots would walk the folder tree in the `latest` view.
    if out.bytes().all(|b| b == b'.') { out.replace('.', "%2E") } else { out }
}

/// Damerau-Levenshtein distance with adjacent transpositions (optimal string alignment), if it is at most `limit`.
fn edit_distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let substitute = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = substitute.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        // Whatever follows, the distance cannot fall below the smaller of two rows' least.
        if row.iter().chain(&above).min().is_some_and(|least| *least > limit) {
            return None;
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|distance| *distance <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_are_recognised_and_strangers_are_not() {
        let kinds = ["cluster.kmeans", "cluster.gmm", "ingest.csv"];
        assert_eq!(did_you_mean("cluster.kmaens", kinds), Some("cluster.kmeans"));
        assert_eq!(did_you_mean("ingest.cvs", kinds), Some("ingest.csv"));
        assert_eq!(did_you_mean("forest", kinds), None);
    }

    #[test]
    fn paths_that_leave_are_told() {
        for path in ["a", "a/b.csv", "kmeans/k=4", "a//b", "./..a"] {
            let leaves = path.starts_with('.');
            assert_eq!(stays_inside(path), !leaves, "{path}");
        }
        for path in ["", ".", "..", "/", "/etc/passwd", "../x", "a/../../x", "a/..", "a\0b"] {
            assert!(!stays_inside(path), "{path:?}");
        }
        assert!(
            is_file_name("p_0") && !is_file_name("a/b") && !is_file_name("..") && !is_file_name("")
        );
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(["a", "b"]), "a, b");
        let many: Vec<String> = (0..1000).map(|i| i.to_string()).collect();
        let text = listed(many.iter().map(String::as_str));
        assert!(text.len() < 300 && text.ends_with("(1000 in all)"), "{text}");
    }

    #[test]
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edit_distance(a, b, expected), Some(expected), "{a} {b}");
            assert_eq!(edit_distance(a, b, expected.saturating_sub(1)).is_some(), expected == 0);
        }
    }

    #[test]
    fn odd_characters_are_encoded() {
        for (text, expected) in
            [("4", "4"), ("0.5", "0.5"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), ("é", "%C3%A9")]
        {
            assert_eq!(percent_encode(text), expected);
        }
    }
}
