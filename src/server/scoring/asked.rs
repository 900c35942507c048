//! What was asked and what is replied, for protocols: bodies and the headers that they go by. It does not know sockets.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use serde::Deserialize;

use super::{loaded::Loaded, problem::Problem};
use crate::stage::work::Work;

/// An Arrow stream.
pub const ARROW_STREAM: &str = "application/vnd.apache.arrow.stream";
/// An Arrow file.
pub const ARROW_FILE: &str = "application/vnd.apache.arrow.file";
/// Parquet.
pub const PARQUET: &str = "application/vnd.apache.parquet";
/// JSON.
pub const JSON: &str = "application/json";

/// A request whose body has arrived.
pub struct Asked<'a> {
    /// Who answers.
    pub loaded: &'a Loaded,
    /// What is lent.
    pub work: &'a Work,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// An answer.
pub struct Reply {
    /// The type of the body.
    pub media: &'static str,
    /// The body.
    pub body: Bytes,
    /// How long the JSON is before binary tensors, if these follow.
    pub json_length: Option<usize>,
    /// How many rows were answered.
    pub n_rows: usize,
}

impl Reply {
    /// Makes one of JSON.
    pub fn json(body: impl Into<Bytes>, n_rows: usize) -> Reply {
        Reply { media: JSON, body: body.into(), json_length: None, n_rows }
    }
}

/// Answers a request in the manner of one protocol.
pub type Answerer = fn(&Asked<'_>) -> Result<Reply, Problem>;

impl Asked<'_> {
    /// Returns the type of the body in lower case, without parameters.
    pub fn media(&self) -> String {
        let value = self.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let media = value.unwrap_or_default().split(';').next().unwrap_or_default();
        media.trim().to_ascii_lowercase()
    }

    /// Returns true if an Arrow stream is wanted in return.
    pub fn wants_arrow(&self, by_default: bool) -> bool {
        let accept = self.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
        match accept {
            Some(accept) if accept.contains(ARROW_STREAM) => true,
            Some(accept) if accept.contains(JSON) => false,
            _ => by_default,
        }
    }
}

/// Returns JSON with null in place of NaN, which Python's clients write though it is not JSON.
pub fn without_nan(json: &[u8]) -> Cow<'_, [u8]> {
    const NAN: &[u8] = b"NaN";
    if !json.windows(NAN.len()).any(|word| word == NAN) {
        return Cow::Borrowed(json);
    }
    let mut out = Vec::with_capacity(json.len() + 64);
    let (mut in_text, mut at) = (false, 0);
    while at < json.len() {
        match json[at] {
            b'\\' if in_text => {
                out.extend_from_slice(&json[at..json.len().min(at + 2)]);
                at += 2;
                continue;
            }
            b'"' => in_text = !in_text,
            b'N' if !in_text && json[at..].starts_with(NAN) => {
                out.extend_from_slice(b"null");
                at += NAN.len();
                continue;
            }
            _ => {}
        }
        out.push(json[at]);
        at += 1;
    }
    Cow::Owned(out)
}

/// Reads a body of JSON.
///
/// # Errors
/// If it is none, or not of this form.
pub fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::malformed(format!("the body cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_null_but_in_texts() {
        let told =
            |json: &str| String::from_utf8(without_nan(json.as_bytes()).into_owned()).unwrap();
        assert_eq!(
            told(r#"[NaN,"NaN","a\"NaN",{"NaN":NaN}]"#),
            r#"[null,"NaN","a\"NaN",{"NaN":null}]"#
        );
        assert_eq!(told(r#"["x\"#), r#"["x\"#);
        assert_eq!(told("NaN\\"), "null\\");
    }
}
