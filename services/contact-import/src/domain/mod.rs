//! Types and rules of imports: formats of files, headers, mappings, rows, states. No I/O, no
//! protocol, no SQL.

mod csv;
mod delimiter;
mod encoding;
mod failure;
mod format;
mod header;
mod import;
mod job;
mod key;
mod mapping;
mod row;
mod state;

pub(crate) use csv::{FileError, LineCounter, Record, StructureCheck};
pub(crate) use encoding::Encoding;
pub(crate) use failure::{Failure, WaitReason};
pub(crate) use format::{DETECTION_BYTES, Format};
pub(crate) use header::{Column, Header};
pub(crate) use import::{Counts, Import, NewImport, Position, RejectedRow, ScanResult};
pub(crate) use job::{BatchResult, Job, Lease, Outcome, Progress};
pub(crate) use key::Key;
pub(crate) use mapping::{Mapping, Target};
pub(crate) use row::{Rejection, Row, RowParser};
pub(crate) use state::ImportState;

/// Records of the preview.
pub(crate) const PREVIEW_RECORDS: usize = 5;
/// Largest preview; with wide records it has fewer of them.
pub(crate) const MAX_PREVIEW_BYTES: usize = 64 * 1024;
/// Longest cell of the preview, and longest name of a file.
pub(crate) const MAX_SHOWN_BYTES: usize = 255;

/// The text's first `bytes` bytes, or fewer so that it ends with a whole character.
pub(crate) fn truncate(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
