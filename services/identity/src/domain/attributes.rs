//! Custom attributes: what a company knows of a person beside the usual fields.

use serde_json::{Map, Value};

/// The most keys a contact has.
pub(crate) const MOST_KEYS: usize = 100;
/// The longest text value, in bytes.
const LONGEST: usize = 1024;

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
        Value::String(text) if text.len() > LONGEST => Err("is longer than 1,024 bytes"),
        Value::String(text) if text.contains('\0') => Err("holds NUL"),
        Value::String(_) => Ok(()),
        Value::Array(_) | Value::Object(_) => Err("is not a string, number or boolean"),
    }
}

/// Applies changes. Answers with the keys that found no room any more.
pub(crate) fn apply(held: &mut Map<String, Value>, changes: &Map<String, Value>) -> Vec<String> {
    let mut no_room = Vec::new();
    for (key, value) in changes {
        if value.is_null() {
            held.remove(key);
        } else if held.contains_key(key) || held.len() < MOST_KEYS {
            held.insert(key.clone(), value.clone());
        } else {
            no_room.push(key.clone());
        }
    }
    no_room
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
        let swap = json!({"a": 1, "k000": null});
        // In the order of keys `a` comes first and finds no room; removed keys make room later.
        assert_eq!(apply(&mut held, swap.as_object().unwrap()), ["a"]);
        assert_eq!(apply(&mut held, swap.as_object().unwrap()), Vec::<String>::new());
    }

    #[test]
    fn keys_are_escaped_in_pointers() {
        assert_eq!(escape("a/b~c"), "a~1b~0c");
    }
}
