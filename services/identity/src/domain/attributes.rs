//! Custom attributes: what a company knows of a person beside the usual fields.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// The most keys a contact has.
pub(crate) const MOST_KEYS: usize = 100;
/// The longest text value, in bytes.
const LONGEST: usize = 1024;
/// Whole numbers up to here have one spelling in a double.
const WHOLE: f64 = 9_007_199_254_740_992.0;
/// The most digits of a number in a file: longer ones are codes, as of cards and parcels.
const MOST_DIGITS: usize = 15;

/// Parts good members (null among them, which removes) from bad ones with the reason.
pub(crate) fn sort_out(
    members: &Map<String, Value>,
) -> (Map<String, Value>, Vec<(String, &'static str)>) {
    let mut good = Map::new();
    let mut bad = Vec::new();
    for (key, value) in members {
        match check_key(key).and_then(|()| check_value(value)) {
            Ok(()) => {
                good.insert(key.clone(), value.clone());
            }
            Err(detail) => bad.push((key.clone(), detail)),
        }
    }
    (good, bad)
}

/// A cell of a file, which is a text before it is known what it means.
pub(crate) fn check_cell(key: &str, cell: &str) -> Result<(), &'static str> {
    check_key(key).and_then(|()| check_text(cell))
}

/// A key: 1 to 64 of `A-Z a-z 0-9 _ . -`.
pub(crate) fn check_key(key: &str) -> Result<(), &'static str> {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (1..=64).contains(&key.len()) && key.bytes().all(usual) {
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
    if text.len() > LONGEST {
        Err("is longer than 1,024 bytes")
    } else if text.contains('\0') {
        Err("holds NUL")
    } else {
        Ok(())
    }
}

/// Applies changes: what goes makes room for what comes. Answers with the keys that found none.
pub(crate) fn apply(held: &mut Map<String, Value>, changes: &Map<String, Value>) -> Vec<String> {
    let mut no_room = Vec::new();
    for (key, _) in changes.iter().filter(|(_, value)| value.is_null()) {
        held.remove(key);
    }
    for (key, value) in changes.iter().filter(|(_, value)| !value.is_null()) {
        if held.contains_key(key) || held.len() < MOST_KEYS {
            held.insert(key.clone(), value.clone());
        } else {
            no_room.push(key.clone());
        }
    }
    no_room
}

/// A value as a cell of a file has it.
pub(crate) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

/// A number as we hold it: 5, not 5.0.
#[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
pub(crate) fn number(value: f64) -> Option<Number> {
    if value.fract() == 0.0 && value.abs() <= WHOLE {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// What a text without a type looks like: a number or a truth where it is spelled just as we spell
/// those, so that it is written again as it was. Everything else (`007`, `1.50`, `1e5`, more
/// than 15 digits) stays the text it is.
pub(crate) fn look(text: &str) -> Value {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let value = match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ if numeric && digits <= MOST_DIGITS => {
            text.parse().ok().and_then(number).map(Value::Number)
        }
        _ => None,
    };
    value.filter(|value| text_of(value) == text).unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The value that a file's cell means for somebody who has this one: the same where it is written
/// the same, so that what was exported comes back as it was; text where text is held; else what it
/// looks like.
pub(crate) fn of_cell(cell: &str, held: Option<&Value>) -> Value {
    match held {
        Some(held) if text_of(held) == cell => held.clone(),
        Some(Value::String(_)) => Value::String(cell.to_owned()),
        _ => look(cell),
    }
}

/// A key as a part of a JSON pointer (RFC 6901).
pub(crate) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_removes_and_the_hundredth_is_the_last() {
        let mut held = Map::new();
        let many = (0..101).map(|n| (format!("k{n:03}"), json!(n))).collect();
        assert_eq!(apply(&mut held, &many), ["k100"]);
        let swap = json!({"a": 1, "b": 2, "k000": null});
        assert_eq!(apply(&mut held, swap.as_object().unwrap()), ["b"]);
        assert_eq!((held.len(), &held["a"]), (100, &json!(1)));
    }

    #[test]
    fn a_cell_is_typed_only_where_it_is_written_again_as_it_was() {
        for (cell, value) in [
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("5.5", json!(5.5)),
            ("0", json!(0)),
            ("999999999999999", json!(999_999_999_999_999_i64)),
            ("true", json!(true)),
            ("false", json!(false)),
        ] {
            assert_eq!(look(cell), value);
            assert_eq!(text_of(&value), cell);
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
            assert_eq!(look(text), json!(text));
        }
    }

    #[test]
    fn a_cell_is_what_is_held_where_it_is_written_the_same() {
        for (cell, held, value) in [
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
            assert_eq!(of_cell(cell, held.as_ref()), value, "{cell} over {held:?}");
        }
    }

    #[test]
    fn keys_are_escaped_in_pointers() {
        assert_eq!(escape("a/b~c"), "a~1b~0c");
    }
}
