//! Named events that pages tell of a person.

use std::time::Duration;

use onethread_core::Timestamp;
use onethread_errors::Field;
use serde_json::{Map, Value};

/// Events kept of a contact.
pub(crate) const KEPT: i64 = 100;
/// Events shown beside a thread.
pub(crate) const SHOWN: i64 = 20;
/// How long they are kept.
pub(crate) const AGE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The longest data, in bytes of JSON.
const LONGEST: usize = 4096;

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) at: Timestamp,
}

impl Event {
    /// Checks what a page told.
    pub(crate) fn read(
        name: &str,
        data: Map<String, Value>,
        at: Timestamp,
    ) -> Result<Self, Vec<Field>> {
        let mut wrong = Vec::new();
        if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            wrong.push(Field::new("/name", "is not 1 to 64 characters without control characters"));
        }
        let json = Value::Object(data.clone()).to_string();
        if json.len() > LONGEST {
            wrong.push(Field::new("/data", "is longer than 4,096 bytes"));
        } else if json.contains("\\u0000") {
            wrong.push(Field::new("/data", "holds NUL"));
        }
        if wrong.is_empty() { Ok(Self { name: name.to_owned(), data, at }) } else { Err(wrong) }
    }
}
