//! Imports of contacts.

use std::collections::BTreeMap;

use onethread_core::Timestamp;
use onethread_proto::contactimport::{self, ImportState};
use serde::Serialize;

use super::{some, time};

/// One import.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Import {
    id: String,
    file_name: String,
    state: &'static str,
    rows: i64,
    processed: i64,
    created: i64,
    updated: i64,
    unchanged: i64,
    rejected: i64,
    rows_per_second: f64,
    encoding: Option<String>,
    delimiter: Option<String>,
    columns: Vec<String>,
    mapping: BTreeMap<String, String>,
    preview: Vec<Vec<String>>,
    error: Option<String>,
    created_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

impl From<contactimport::Import> for Import {
    fn from(import: contactimport::Import) -> Self {
        Self {
            state: state(import.state()),
            id: import.id,
            file_name: import.file_name,
            rows: import.rows,
            processed: import.processed,
            created: import.created,
            updated: import.updated,
            unchanged: import.unchanged,
            rejected: import.rejected,
            rows_per_second: import.rows_per_second,
            encoding: some(import.encoding),
            delimiter: some(import.delimiter),
            columns: import.columns,
            mapping: import.mapping.into_iter().collect(),
            preview: import.preview.into_iter().map(|row| row.cells).collect(),
            error: import.error,
            created_at: time(import.created_at),
            finished_at: time(import.finished_at),
        }
    }
}

fn state(state: ImportState) -> &'static str {
    match state {
        ImportState::Scanning | ImportState::Unspecified => "scanning",
        ImportState::Ready => "ready",
        ImportState::Running => "running",
        ImportState::Done => "done",
        ImportState::Failed => "failed",
        ImportState::Cancelled => "cancelled",
    }
}
