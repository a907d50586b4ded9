//! Custom attributes of contacts.

use std::borrow::Cow;

use onethread_core::AttributeKey;
use serde_json::{Map, Number, Value};

/// Most attributes of a contact.
pub(crate) const MAX_KEYS: usize = 100;
/// Most bytes of a contact's attributes: of names and values.
const MAX_CONTACT_BYTES: usize = 64 * 1024;
/// Most bytes of a visitor's attributes.
const MAX_VISITOR_BYTES: usize = 4096;
/// Longest text value, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// Whole numbers up to this one are exact in a double.
const MAX_WHOLE: f64 = 9_007_199_254_740_992.0;
/// Most digits of a number in a file. Longer ones are codes, such as card or parcel numbers.
const MAX_DIGITS: usize = 15;

/// Separates valid members, by the key that each has in the store, from invalid ones and the
/// reason. Null is valid: it removes.
pub(crate) fn partition(
    members: &Map<String, Value>,
) -> (Map<String, Value>, Vec<(String, &'static str)>) {
    let mut valid = Map::new();
    let mut invalid = Vec::new();
    for (name, value) in members {
        let checked = check_key(name).and_then(|key| check_value(value).map(|()| key));
        match checked {
            Ok(key) if valid.contains_key(key.as_str()) => {
                invalid.push((name.clone(), "is another spelling of an attribute beside it"));
            }
            Ok(key) => {
                valid.insert(key.into_string(), value.clone());
            }
            Err(detail) => invalid.push((name.clone(), detail)),
        }
    }
    (valid, invalid)
}

/// Checks a cell of a file, which is text whatever its type will be.
pub(crate) fn check_cell(name: &str, cell: &str) -> Result<AttributeKey, &'static str> {
    let key = check_key(name)?;
    check_text(cell)?;
    Ok(key)
}

/// The key of a name.
pub(crate) fn check_key(name: &str) -> Result<AttributeKey, &'static str> {
    AttributeKey::parse(name)
        .map_err(|_| "has a name other than 1 to 64 letters, digits, blanks, _ . or -")
}

fn check_value(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) if is_exact(number) => Ok(()),
        Value::Number(_) => Err(INEXACT),
        Value::String(text) => check_text(text),
        Value::Array(_) | Value::Object(_) => Err("is not a string, number or boolean"),
    }
}

/// Why a number is rejected.
pub(crate) const INEXACT: &str =
    "is a number beyond 2^53, which programs read as different numbers: send it as a string";

/// True unless a whole number may have changed on its way, as those beyond 2^53 do in a double. The
/// gateway sends these as texts of their digits.
pub(crate) fn is_exact(number: &Number) -> bool {
    number.as_f64().is_some_and(|number| number.abs() <= MAX_WHOLE)
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

/// How much a row may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    keys: usize,
    bytes: usize,
}

impl Limits {
    /// Of contacts.
    pub(crate) const CONTACT: Self = Self { keys: MAX_KEYS, bytes: MAX_CONTACT_BYTES };
    /// Of visitors, of whom anyone may create as many as the rate limits admit.
    pub(crate) const VISITOR: Self = Self { keys: MAX_KEYS, bytes: MAX_VISITOR_BYTES };

    /// Why an attribute is beyond them.
    pub(crate) fn detail(self) -> &'static str {
        if self == Self::VISITOR {
            "is beyond the 100 attributes and 4,096 bytes that a visitor may have"
        } else {
            "is beyond the 100 attributes and 65,536 bytes that a contact may have"
        }
    }
}

/// The size of attributes, in bytes of their names and texts.
pub(crate) fn size_bytes(attributes: &Map<String, Value>) -> usize {
    attributes.iter().map(|(key, value)| attribute_bytes(key, value)).sum()
}

fn attribute_bytes(key: &str, value: &Value) -> usize {
    key.len() + to_text(value).len()
}

/// Applies changes, removals first. Returns the keys beyond the limits, which are not set.
pub(crate) fn apply(
    attributes: &mut Map<String, Value>,
    changes: &Map<String, Value>,
    limits: Limits,
) -> Vec<String> {
    let mut over_limit = Vec::new();
    for (key, _) in changes.iter().filter(|(_, value)| value.is_null()) {
        attributes.remove(key);
    }
    let mut bytes = size_bytes(attributes);
    for (key, value) in changes.iter().filter(|(_, value)| !value.is_null()) {
        let current = attributes.get(key).map(|current| attribute_bytes(key, current));
        let bytes_after = bytes - current.unwrap_or(0) + attribute_bytes(key, value);
        let has_place = current.is_some() || attributes.len() < limits.keys;
        if has_place && (bytes_after <= limits.bytes || bytes_after <= bytes) {
            attributes.insert(key.clone(), value.clone());
            bytes = bytes_after;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_removes_and_the_hundredth_key_is_the_last() {
        let mut attributes = Map::new();
        let many = (0..101).map(|n| (format!("k{n:03}"), json!(n))).collect();
        assert_eq!(apply(&mut attributes, &many, Limits::CONTACT), ["k100"]);
        let swap = json!({"a": 1, "b": 2, "k000": null});
        assert_eq!(apply(&mut attributes, swap.as_object().unwrap(), Limits::CONTACT), ["b"]);
        assert_eq!((attributes.len(), &attributes["a"]), (100, &json!(1)));
    }

    #[test]
    fn a_visitor_has_at_most_4096_bytes() {
        let text = |length: usize| json!("x".repeat(length));
        let mut attributes = Map::new();
        let fill = json!({"a": text(1000), "b": text(1000), "c": text(1000), "d": text(1000)});
        let change = |attributes: &mut Map<String, Value>, changes: Value| {
            apply(attributes, changes.as_object().unwrap(), Limits::VISITOR)
        };
        assert_eq!(change(&mut attributes, fill), Vec::<String>::new());
        assert_eq!(change(&mut attributes, json!({"e": text(92), "f": 1})), ["e"]);
        let longer = json!({"a": text(1024), "b": text(1024), "c": text(1024), "d": text(1024)});
        assert_eq!(change(&mut attributes, longer), ["d"]);
        assert_eq!(
            change(&mut attributes, json!({"a": null, "e": text(1000)})),
            Vec::<String>::new()
        );
        // A contact who logs out has more than a visitor may add, and may still have less.
        let mut large = Map::from_iter([("a".to_owned(), text(9000))]);
        assert_eq!(change(&mut large, json!({"a": text(8000), "b": 1})), ["b"]);
        assert_eq!(size_bytes(&large), 8001);
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
    fn members_are_stored_by_their_key_and_each_once() {
        let members =
            json!({" Größe ": 1, "Gro\u{308}ße": 2, "a/b": 3, "deep": [], "\u{a0}x": null});
        let (valid, invalid) = partition(members.as_object().unwrap());
        assert_eq!(Value::Object(valid), json!({"Größe": 1, "x": null}));
        let invalid: Vec<_> = invalid.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(invalid, ["Gro\u{308}ße", "a/b", "deep"]);
    }

    #[test]
    fn numbers_that_may_have_changed_on_their_way_are_rejected() {
        for number in [json!(9_007_199_254_740_991_i64), json!(-5), json!(0.5), json!(1e15)] {
            assert_eq!(check_value(&number), Ok(()), "{number}");
        }
        for number in [
            json!(9_007_199_254_740_994_i64),
            json!(-9_007_199_254_740_994_i64),
            json!(u64::MAX),
            json!(1e300),
        ] {
            assert_eq!(check_value(&number), Err(INEXACT), "{number}");
        }
    }
}
