//! Rows that are written for many subjects at once, as one parameter.

use onethread_core::{Entropy, Timestamp, new_uuid};
use serde::Serialize;
use uuid::Uuid;

/// A row on its way in.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    /// Its own id, 32 digits in hex.
    id: String,
    /// What it is about, an id with hyphens.
    subject: String,
}

/// A row a subject.
pub(super) fn entries(subjects: &[Uuid], now: Timestamp, entropy: &dyn Entropy) -> Vec<Entry> {
    let entry = |subject: &Uuid| Entry {
        id: new_uuid(now, entropy).simple().to_string(),
        subject: subject.to_string(),
    };
    subjects.iter().map(entry).collect()
}
