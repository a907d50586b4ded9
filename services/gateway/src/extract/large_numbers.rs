//! Numbers that a double can't hold: digits of ids and card numbers, which would arrive as another
//! number. They are read as marked texts. Attributes, data of events and values of filters keep the
//! digits as a text; everywhere else such a number is a number again.

use std::{borrow::Cow, hash::BuildHasher, hash::RandomState, sync::LazyLock};

use serde_json::{Map, Number, Value};

/// Begins the text that a large number is read as. Each process has another one, which no caller
/// knows.
static MARK: LazyLock<String> =
    LazyLock::new(|| format!("large number {:016x} ", RandomState::new().hash_one(())));
/// Members whose values may keep their digits.
const KEEPING: [&str; 5] = ["custom_data", "customData", "data", "fields", "value"];
/// Whole numbers up to this one are exact in a double.
const MAX_EXACT: u64 = 1 << 53;
/// Digits that every exact number may have. Shorter numbers need no second look.
const MIN_DIGITS: usize = 16;

/// Quotes the large numbers of a JSON text, so that reading it keeps their digits.
pub(super) fn quote(json: &[u8]) -> Cow<'_, [u8]> {
    let mut quoted = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while at < json.len() {
        match json[at] {
            b'"' => at = end_of_string(json, at),
            b'-' | b'0'..=b'9' => {
                let end = at + json[at..].iter().take_while(|&&byte| is_of_number(byte)).count();
                if is_large(&json[at..end]) {
                    quoted.extend_from_slice(&json[copied..at]);
                    quoted.push(b'"');
                    quoted.extend_from_slice(MARK.as_bytes());
                    quoted.extend_from_slice(&json[at..end]);
                    quoted.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    quoted.extend_from_slice(&json[copied..]);
    Cow::Owned(quoted)
}

fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || b"+-.eE".contains(&byte)
}

/// True for a number of JSON beyond 2^53. What is no number stays malformed.
fn is_large(token: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(token) else { return false };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_exact = digits.parse::<u64>().is_ok_and(|whole| whole <= MAX_EXACT);
        return digits.len() >= MIN_DIGITS && !digits.starts_with('0') && !is_exact;
    }
    // What is too large for a double, such as 1e400, is no number for the reader of JSON.
    let is_plain = !digits.starts_with('0') && digits.starts_with(|c: char| c.is_ascii_digit());
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    let is_beyond = |number: f64| number.abs() > MAX_EXACT as f64;
    is_plain && text.parse().is_ok_and(is_beyond)
}

/// Makes large numbers numbers again, except below members that may keep their digits.
pub(super) fn restore(members: &mut Map<String, Value>) {
    for (name, value) in members {
        if !KEEPING.contains(&name.as_str()) {
            restore_value(value);
        }
    }
}

fn restore_value(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(digits) = text.strip_prefix(MARK.as_str()) {
                let number = digits.parse::<f64>().unwrap_or(f64::MAX);
                let number = number.clamp(f64::MIN, f64::MAX);
                *value = Number::from_f64(number).map_or(Value::Null, Value::Number);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(restore_value),
        Value::Object(members) => restore(members),
        _ => {}
    }
}

/// Turns large numbers among values into texts of their digits. Returns the names of these values.
pub(crate) fn to_digits(members: &mut Map<String, Value>) -> Vec<String> {
    let mut named = Vec::new();
    for (name, value) in members {
        if to_digit_text(value) {
            named.push(name.clone());
        }
    }
    named
}

/// Turns large numbers in a value into texts of their digits. Returns whether there were any.
pub(crate) fn to_digit_text(value: &mut Value) -> bool {
    match value {
        Value::String(text) => match text.strip_prefix(MARK.as_str()).map(str::to_owned) {
            Some(digits) => {
                *text = digits;
                true
            }
            None => false,
        },
        Value::Array(values) => {
            values.iter_mut().fold(false, |found, value| to_digit_text(value) | found)
        }
        Value::Object(members) => !to_digits(members).is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(json: &str) -> (Value, Vec<String>) {
        let mut members: Map<_, _> = serde_json::from_slice(&quote(json.as_bytes())).unwrap();
        let named = to_digits(&mut members);
        (Value::Object(members), named)
    }

    #[test]
    fn digits_are_kept() {
        for digits in [
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551616",
            "123456789012345678901234567890",
            "1e300",
            "1e400",
            "9.007199254740994e15",
        ] {
            let (value, named) = read(&format!(r#"{{"a": {digits}, "b": [{digits}], "c": 1}}"#));
            assert_eq!(value, json!({"a": digits, "b": [digits], "c": 1}));
            assert_eq!(named, ["a", "b"]);
        }
    }

    #[test]
    fn other_numbers_and_texts_stay_as_they_are() {
        for same in [
            r#"{"a": 9007199254740992, "b": -9007199254740992, "c": 0.12345678901234567890}"#,
            r#"{"a": "9007199254740993", "b": "x\\", "c": "\"9007199254740993", "1e300": 1e15}"#,
            r#"{"a": 1e-300, "b": 5, "c": null, "d": true}"#,
        ] {
            assert!(matches!(quote(same.as_bytes()), Cow::Borrowed(_)), "{same}");
        }
        for malformed in [r#"{"a": 00000000000000000001}"#, r#"{"a": 1e300e5}"#, "{\"a\": \""] {
            assert!(serde_json::from_slice::<Value>(&quote(malformed.as_bytes())).is_err());
        }
    }

    #[test]
    fn elsewhere_they_are_numbers() {
        let json = r#"{"user_id": 12345678901234567890, "user": {"security_hash": [1e400], "custom_data": {"a": 12345678901234567890}}}"#;
        let mut members: Map<_, _> = serde_json::from_slice(&quote(json.as_bytes())).unwrap();
        restore(&mut members);
        assert!(members["user_id"].is_number() && members["user"]["security_hash"][0].is_number());
        let attributes = members["user"]["custom_data"].as_object_mut().unwrap();
        assert_eq!(to_digits(attributes), ["a"]);
        assert_eq!(attributes["a"], "12345678901234567890");
    }

    proptest! {
        #[test]
        fn whole_numbers_keep_their_digits_or_their_value(number in any::<i128>(), text in ".{0,20}") {
            let body = json!({"text": text}).to_string();
            let (value, _) = read(&format!(r#"{}, "n": {number}}}"#, &body[..body.len() - 1]));
            prop_assert_eq!(&value["text"], &json!(text));
            let kept = value["n"].to_string();
            prop_assert_eq!(kept.trim_matches('"'), number.to_string());
        }
    }
}
