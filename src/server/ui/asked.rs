//! What an address asks for, and addresses that ask for something. It does not know pages.

use std::fmt::Write as _;

/// The part of an address after its question mark.
#[derive(Clone, Debug, Default)]
pub struct Asked(pub Vec<(String, String)>);

impl Asked {
    /// Returns what is asked under a name; what is empty is not asked.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Returns all that is asked under a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(key, value)| key == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }
}

/// Returns an address; every value is escaped so that it stays one.
pub fn link(path: &str, asked: &[(&str, &str)]) -> String {
    let mut out = path.to_string();
    for (i, (name, value)) in asked.iter().enumerate() {
        out.push(if i == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    out.push(char::from(byte));
                }
                byte => {
                    let _ = write!(out, "%{byte:02X}");
                }
            }
        }
    }
    out
}

/// Returns a word of a command line as a shell takes it.
pub fn word(text: &str) -> String {
    match shlex::try_quote(text) {
        Ok(quoted) => quoted.into_owned(),
        // A name with a NUL byte is no argument of any program.
        Err(_) => "''".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_values() {
        let address = link("/", &[("stage", "km/k=4&open=x"), ("q", "ä <")]);
        assert_eq!(address, "/?stage=km/k%3D4%26open%3Dx&q=%C3%A4%20%3C");
        assert_eq!(word("a b;rm"), "'a b;rm'");
        let asked = Asked(vec![("a".into(), String::new()), ("a".into(), "1".into())]);
        assert_eq!((asked.get("a"), asked.get("b")), (Some("1"), None));
    }
}
