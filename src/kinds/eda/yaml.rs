//! Names as they have to be written in a pipeline file. It does not know what they name.

/// Returns `text` as a YAML scalar for a flow collection: plain where that is safe, else quoted.
pub fn scalar(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.ends_with(word)
        && text.chars().all(|c| word(c) || c == ' ' || c == '-');
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if plain && !reserved.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_string();
    }
    // JSON's quoted strings are YAML's double-quoted ones.
    serde_json::Value::from(text).to_string()
}

/// Returns free text as a YAML scalar for a flow collection: plain if no character of it means
/// anything there, else quoted.
pub fn text(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || " _<>=().+*/".contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(safe) {
        return text.to_string();
    }
    serde_json::Value::from(text).to_string()
}

/// Returns a column name as SQL writes it: quoted unless it is a plain lower-case word.
pub fn sql_name(name: &str) -> String {
    let simple = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if simple { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_only_where_needed() {
        for (name, expected) in [
            ("income", "income"),
            ("Annual Income", "Annual Income"),
            ("a: b", "\"a: b\""),
            ("no", "\"no\""),
            ("3rd", "\"3rd\""),
            ("k$ (x)", "\"k$ (x)\""),
            ("say \"hi\"\n", r#""say \"hi\"\n""#),
        ] {
            assert_eq!(scalar(name), expected);
        }
        assert_eq!(text(&format!("{} <> 0", sql_name("nps"))), "nps <> 0");
        assert_eq!(text(&format!("{} <> 0", sql_name("a \"b"))), r#""\"a \"\"b\" <> 0""#);
    }
}
