//! Canonical JSON: one spelling for one value, so that its bytes can be hashed.
//! It does not know what the values mean.
//!
//! Rules: object keys sorted by their UTF-8 bytes, no white space, strings escaped minimally, floats in
//! the shortest form that reads back to the same bits, integers as integers. Whether a number is
//! an integer or a float is decided where parameters are checked, not here.

use serde::Serialize;
use serde_json::Value;

/// Returns the canonical text of `value`.
pub fn to_string(value: &Value) -> String {
    // serde_json's map is a B-tree (`preserve_order` is off), so keys come out sorted.
    value.to_string()
}

/// Returns the canonical text of anything that serialises to JSON.
///
/// # Errors
/// If `value` holds a map whose keys are not strings, or a float that is not finite.
pub fn of<T: Serialize>(value: &T) -> serde_json::Result<String> {
    serde_json::to_value(value).map(|v| to_string(&v))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_numbers_keep_their_type() {
        let value: Value =
            serde_json::from_str(r#"{"b": 1.0, "a": [1, 0.1, 1e300, "é\n"]}"#).unwrap();
        assert_eq!(to_string(&value), "{\"a\":[1,0.1,1e+300,\"é\\n\"],\"b\":1.0}");
    }
}
