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

/// Returns the canonical text of an object whose list `field` holds `items`; in `head` the list is empty. A long list is
/// never one tree of JSON values, which takes ten times the memory of its text.
///
/// # Errors
/// As [`of`].
pub fn with_list<H: Serialize, T: Serialize>(
    head: &H,
    field: &str,
    items: &[T],
) -> serde_json::Result<String> {
    let head = serde_json::to_value(head)?;
    let mut text = String::from("{");
    for (name, value) in head.as_object().into_iter().flatten() {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&to_string(&Value::from(name.as_str())));
        text.push(':');
        if name != field {
            text.push_str(&to_string(value));
            continue;
        }
        text.push('[');
        for (i, item) in items.iter().enumerate() {
            let item = of(item)?;
            if i == 0 {
                // A text that grows by doubling is copied again and again; the items are much alike.
                text.reserve((item.len() + 1) * items.len() * 9 / 8);
            } else {
                text.push(',');
            }
            text.push_str(&item);
        }
        text.push(']');
    }
    text.push('}');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_written_by_items_is_the_same_text() {
        let lists = [serde_json::json!([]), serde_json::json!([{"z": 1.0, "a": "\"]}"}, [], null])];
        for list in lists {
            let mut whole = serde_json::json!({"z\"": 1, "list": list, "a": [], "m": {"list": []}});
            let text = to_string(&whole);
            let items = whole["list"].take();
            whole["list"] = serde_json::json!([]);
            assert_eq!(with_list(&whole, "list", items.as_array().unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn keys_are_sorted_and_numbers_keep_their_type() {
        let value: Value =
            serde_json::from_str(r#"{"b": 1.0, "a": [1, 0.1, 1e300, "é\n"]}"#).unwrap();
        assert_eq!(to_string(&value), "{\"a\":[1,0.1,1e+300,\"é\\n\"],\"b\":1.0}");
    }
}
