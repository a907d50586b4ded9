//! Named events that pages track for a contact.

use std::time::Duration;

use onethread_core::Timestamp;
use onethread_errors::{Field, entry_path};
use serde_json::{Map, Value};

use super::attributes;

/// Events stored of a contact.
pub(crate) const MAX_STORED: i64 = 100;
/// Events shown beside a conversation.
pub(crate) const MAX_SHOWN: i64 = 20;
/// Age at which they are deleted.
pub(crate) const RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Longest data, in bytes of JSON.
const MAX_DATA_BYTES: usize = 4096;

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct TrackedEvent {
    pub(crate) name: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) at: Timestamp,
}

impl TrackedEvent {
    /// Validates an event of a page.
    pub(crate) fn parse(
        name: &str,
        data: Map<String, Value>,
        at: Timestamp,
    ) -> Result<Self, Vec<Field>> {
        let mut errors = Vec::new();
        if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            errors.push(Field::new("name", "is not 1 to 64 characters without control characters"));
        }
        let json = Value::Object(data.clone()).to_string();
        if json.len() > MAX_DATA_BYTES {
            errors.push(Field::new("data", "is longer than 4,096 bytes"));
        } else if json.contains("\\u0000") {
            errors.push(Field::new("data", "holds NUL"));
        }
        let inexact = data.iter().filter(|(_, value)| !is_exact(value));
        errors.extend(
            inexact.map(|(name, _)| Field::new(entry_path("data", name), attributes::INEXACT)),
        );
        if errors.is_empty() { Ok(Self { name: name.to_owned(), data, at }) } else { Err(errors) }
    }
}

/// True when every number in the value is the one that was sent.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => attributes::is_exact(number),
        Value::Array(values) => values.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_may_have_changed_on_their_way_are_named() {
        let data = json!({"order": 9_007_199_254_740_995_i64, "items": [1, {"id": 1e17}], "n": 5});
        let data = data.as_object().unwrap().clone();
        let errors = TrackedEvent::parse("bought", data, Timestamp::from_micros(0)).unwrap_err();
        let paths: Vec<_> = errors.iter().map(|field| field.path.as_str()).collect();
        assert_eq!(paths, [r#"data["items"]"#, r#"data["order"]"#]);
    }
}
