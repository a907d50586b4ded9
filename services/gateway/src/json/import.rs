//! Imports of contacts.

use std::collections::BTreeMap;

use onethread_core::Timestamp;
use onethread_proto::contactimport::{self, ImportState};
use serde::Serialize;
use utoipa::ToSchema;

use super::{some, time};
use crate::openapi::Time;

/// One import.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Import {
    #[schema(format = Uuid)]
    id: String,
    file_name: String,
    state: State,
    /// Rows of the file; while it is scanned, the rows so far.
    #[schema(minimum = 0)]
    rows: i64,
    #[schema(minimum = 0)]
    processed: i64,
    #[schema(minimum = 0)]
    created: i64,
    #[schema(minimum = 0)]
    updated: i64,
    #[schema(minimum = 0)]
    unchanged: i64,
    #[schema(minimum = 0)]
    rejected: i64,
    #[schema(minimum = 0)]
    rows_per_second: f64,
    /// Seconds that the remaining rows take at that rate; null while that isn't known.
    #[schema(required, minimum = 0)]
    seconds_left: Option<i64>,
    #[schema(required)]
    encoding: Option<String>,
    #[schema(required)]
    delimiter: Option<String>,
    columns: Vec<String>,
    /// The field of each column.
    mapping: BTreeMap<String, String>,
    /// The first rows.
    preview: Vec<Vec<String>>,
    /// Why it failed; while it runs, what it waits for.
    #[schema(required)]
    error: Option<String>,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
    #[schema(required, value_type = Option<Time>)]
    finished_at: Option<Timestamp>,
}

impl From<contactimport::Import> for Import {
    fn from(import: contactimport::Import) -> Self {
        Self {
            state: import.state().into(),
            id: import.id,
            file_name: import.file_name,
            rows: import.row_count,
            processed: import.processed_count,
            created: import.created_count,
            updated: import.updated_count,
            unchanged: import.unchanged_count,
            rejected: import.rejected_count,
            rows_per_second: import.rows_per_second,
            seconds_left: import.time_left.map(|left| left.seconds),
            encoding: some(import.encoding),
            delimiter: some(import.delimiter),
            columns: import.columns,
            mapping: import.mapping.into_iter().collect(),
            preview: import.preview.into_iter().map(|row| row.cells).collect(),
            error: import.error.or(import.waiting_for),
            created_at: time(import.created_at),
            finished_at: time(import.finished_at),
        }
    }
}

/// State of an import.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ImportState)]
enum State {
    Scanning,
    Ready,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl From<ImportState> for State {
    fn from(state: ImportState) -> Self {
        match state {
            ImportState::Scanning | ImportState::Unspecified => Self::Scanning,
            ImportState::Ready => Self::Ready,
            ImportState::Running => Self::Running,
            ImportState::Done => Self::Done,
            ImportState::Failed => Self::Failed,
            ImportState::Canceled => Self::Cancelled,
        }
    }
}
