//! Conversions between messages and domain types.

use onethread_errors::{Error, Result};
use onethread_grpc::{id, timestamp};
use onethread_proto::contactimport::{self as proto, UploadHeader};
use prost_types::Duration;

use crate::{
    app::NewFile,
    domain::{Import, ImportState, RejectedRow},
};

impl TryFrom<UploadHeader> for NewFile {
    type Error = Error;

    fn try_from(header: UploadHeader) -> Result<Self> {
        Ok(Self {
            organization: id("header.organization_id", &header.organization_id)?,
            name: header.file_name,
            apply: header.apply,
            request_id: header.request_id,
        })
    }
}

/// An import with its present rate.
pub(super) fn import(import: Import, now: onethread_core::Timestamp) -> proto::Import {
    let (rows_per_second, seconds_left) = (import.rows_per_second(now), import.seconds_left(now));
    // Storage has one column for both.
    let (error, waiting_for) = match import.state {
        ImportState::Failed => (import.error, None),
        _ => (None, import.error),
    };
    let mapping = import.mapping.0.into_iter();
    proto::Import {
        id: import.id.to_string(),
        file_name: import.file_name,
        state: proto::ImportState::from(import.state).into(),
        row_count: import.rows,
        processed_count: import.counts.processed(),
        created_count: import.counts.created,
        updated_count: import.counts.updated,
        unchanged_count: import.counts.unchanged,
        rejected_count: import.counts.rejected,
        rows_per_second,
        encoding: import.encoding,
        delimiter: import.delimiter,
        columns: import.header.columns.into_iter().map(|column| column.name).collect(),
        mapping: mapping.map(|(column, target)| (column, target.to_string())).collect(),
        preview: import.preview.into_iter().map(|cells| proto::PreviewRow { cells }).collect(),
        error,
        waiting_for,
        created_at: Some(timestamp(import.created_at)),
        finished_at: import.finished_at.map(timestamp),
        time_left: seconds_left.map(|seconds| Duration { seconds, nanos: 0 }),
    }
}

impl From<ImportState> for proto::ImportState {
    fn from(state: ImportState) -> Self {
        match state {
            ImportState::Scanning => Self::Scanning,
            ImportState::Ready => Self::Ready,
            ImportState::Running => Self::Running,
            ImportState::Done => Self::Done,
            ImportState::Failed => Self::Failed,
            ImportState::Canceled => Self::Canceled,
        }
    }
}

impl From<RejectedRow> for proto::RejectedRow {
    fn from(row: RejectedRow) -> Self {
        Self {
            line: i64::try_from(row.line).unwrap_or(i64::MAX),
            column: row.column,
            reason: row.reason,
            cells: row.cells,
        }
    }
}
