//! Named events that pages track for a contact.

use std::time::Duration;

use onethread_core::Timestamp;
use onethread_errors::Field;
use serde_json::{Map, Value};

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
            errors
                .push(Field::new("/name", "is not 1 to 64 characters without control characters"));
        }
        let json = Value::Object(data.clone()).to_string();
        if json.len() > MAX_DATA_BYTES {
            errors.push(Field::new("/data", "is longer than 4,096 bytes"));
        } else if json.contains("\\u0000") {
            errors.push(Field::new("/data", "holds NUL"));
        }
        if errors.is_empty() { Ok(Self { name: name.to_owned(), data, at }) } else { Err(errors) }
    }
}
