//! Names that people write and read: suggestions for typos, instance names, percent-encoding.
//! It does not know which names exist.

/// Returns the candidate nearest to `wrong`, if one is near enough to be a plausible typo.
pub fn did_you_mean<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (edit_distance(&wrong.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, _)| *distance <= limit)
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

/// Damerau-Levenshtein distance with adjacent transpositions (optimal string alignment).
fn edit_distance(a: &str, b: &str) -> usize {
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
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
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
    fn distances() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3)]
        {
            assert_eq!(edit_distance(a, b), expected, "{a} {b}");
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
