//! Custom attributes of contacts.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// Most attributes of a contact.
pub(crate) const MAX_KEYS: usize = 100;
/// Longest text value, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// Whole numbers up to this one are exact in a double.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;
/// Most digits of a number in a file. Longer ones are codes, such as card or parcel numbers.
const MAX_DIGITS: usize = 15;

/// Separates valid members from invalid ones and the reason. Null is valid: it removes.
pub(crate) fn partition(
    members: &Map<String, Value>,
) -> (Map<String, Value>, Vec<(String, &'static str)>) {
    let mut valid = Map::new();
    let mut invalid = Vec::new();
    for (key, value) in members {
        match check_key(key).and_then(|()| check_value(value)) {
            Ok(()) => {
                valid.insert(key.clone(), value.clone());
            }
            Err(detail) => invalid.push((key.clone(), detail)),
        }
    }
    (valid, invalid)
}

/// Checks a cell of a file, which is text whatever its type will be.
pub(crate) fn check_cell(key: &str, cell: &str) -> Result<(), &'static str> {
    check_key(key).and_then(|()| check_text(cell))
}

/// Checks a key: 1 to 64 of `A-Z a-z 0-9 _ . -`.
pub(crate) fn check_key(key: &str) -> Result<(), &'static str> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (1..=64).contains(&key.len()) && key.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err("has a key other than 1 to 64 of A-Z a-z 0-9 _ . -")
    }
}

fn check_value(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => check_text(text),
        Value::Array(_) | Value::Object(_) => Err("is not a string, number or boolean"),
    }
}

fn check_text(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_TEXT_BYTES {
        Err("is longer than 1,024 bytes")
    } else if text.contains('\0') {
        Err("holds NUL")
    } else {
        Ok(())
    }
}

/// Applies changes, removals first. Returns the keys beyond the limit, which are not set.
pub(crate) fn apply(
    attributes: &mut Map<String, Value>,
    changes: &Map<String, Value>,
) -> Vec<String> {
    let mut over_limit = Vec::new();
    for (key, _) in changes.iter().filter(|(_, value)| value.is_null()) {
        attributes.remove(key);
    }
    for (key, value) in changes.iter().filter(|(_, value)| !value.is_null()) {
        if attributes.contains_key(key) || attributes.len() < MAX_KEYS {
            attributes.insert(key.clone(), value.clone());
        } else {
            over_limit.push(key.clone());
        }
    }
    over_limit
}

/// The value as text, as a file has it.
pub(crate) fn to_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// A number as it is stored: 5, not 5.0.
#[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
pub(crate) fn number(value: f64) -> Option<Number> {
    if value.fract() == 0.0 && value.abs() <= MAX_WHOLE {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// Infers the type of a cell: a number or boolean where its text is the canonical one, so that an
/// export writes it the same way. Everything else (`007`, `1.50`, `1e5`, more than 15 digits) stays
/// text.
pub(crate) fn infer(text: &str) -> Value {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let value = match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ if numeric && digits <= MAX_DIGITS => {
            text.parse().ok().and_then(number).map(Value::Number)
        }
        _ => None,
    };
    value.filter(|value| to_text(value) == text).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value of a cell for a contact that has the current one: the same where the text is the same,
/// so that an export can be imported again without a change; text where the current one is text;
/// else the inferred type.
pub(crate) fn from_cell(cell: &str, current: Option<&Value>) -> Value {
    match current {
        Some(current) if to_text(current) == cell => current.clone(),
        Some(Value::String(_)) => Value::String(cell.to_owned()),
        _ => infer(cell),
    }
}

/// Escapes a key for a JSON pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_removes_and_the_hundredth_key_is_the_last() {
        let mut attributes = Map::new();
        let many = (0..101).map(|n| (format!("k{n:03}"), json!(n))).collect();
        assert_eq!(apply(&mut attributes, &many), ["k100"]);
        let swap = json!({"a": 1, "b": 2, "k000": null});
        assert_eq!(apply(&mut attributes, swap.as_object().unwrap()), ["b"]);
        assert_eq!((attributes.len(), &attributes["a"]), (100, &json!(1)));
    }

    #[test]
    fn a_cell_is_typed_only_where_its_text_is_canonical() {
        for (cell, value) in [
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("5.5", json!(5.5)),
            ("0", json!(0)),
            ("999999999999999", json!(999_999_999_999_999_i64)),
            ("true", json!(true)),
            ("false", json!(false)),
        ] {
            assert_eq!(infer(cell), value);
            assert_eq!(to_text(&value), cell);
        }
        for text in [
            "",
            " 12",
            "012",
            "+5",
            "-",
            "-0",
            "1.50",
            "1.",
            ".5",
            "5.0",
            "1e5",
            "1E5",
            "0x10",
            "NaN",
            "inf",
            "1,5",
            "1-2",
            "1.2.3",
            "٣",
            "TRUE",
            "True",
            "null",
            "4111111111111111",
            "2026-01-02",
        ] {
            assert_eq!(infer(text), json!(text));
        }
    }

    #[test]
    fn a_cell_keeps_the_current_value_where_the_text_is_the_same() {
        for (cell, current, value) in [
            ("12", Some(json!(12)), json!(12)),
            ("12", Some(json!("12")), json!("12")),
            ("true", Some(json!("true")), json!("true")),
            ("1e+300", Some(json!(1e300)), json!(1e300)),
            // Text stays text, a number may turn into what the cell looks like.
            ("13", Some(json!("12")), json!("13")),
            ("13", Some(json!(12)), json!(13)),
            ("pro", Some(json!(12)), json!("pro")),
            ("13", Some(json!(true)), json!(13)),
            ("13", None, json!(13)),
            ("013", None, json!("013")),
        ] {
            assert_eq!(from_cell(cell, current.as_ref()), value, "{cell} over {current:?}");
        }
    }

    #[test]
    fn keys_are_escaped_in_pointers() {
        assert_eq!(escape("a/b~c"), "a~1b~0c");
    }
}
