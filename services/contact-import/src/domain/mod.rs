//! What an import is and what its file may look like: rules and values. No I/O, no protocol, no
//! SQL.

mod csv;
mod format;
mod header;
mod import;
mod job;
mod key;
mod mapping;
mod plan;
mod state;

pub(crate) use csv::{Broken, Lines, Record, Structure};
pub(crate) use format::{DELIMITERS, Encoding, Format};
pub(crate) use header::{Column, Header};
pub(crate) use import::{Counts, Import, Position, RejectedRow, Scanned};
pub(crate) use job::{Advance, Job, Lease, Outcome};
pub(crate) use key::Key;
pub(crate) use mapping::{Mapping, Target};
pub(crate) use plan::{Plan, Rejection, Row};
pub(crate) use state::ImportState;

/// Records that the preview shows.
pub(crate) const PREVIEW_RECORDS: usize = 5;
/// Bytes that the preview takes in all; with wider records it shows fewer of them.
pub(crate) const PREVIEW_BYTES: usize = 64 * 1024;
/// Bytes of one cell that the preview shows, and of a file's name.
pub(crate) const SHOWN_BYTES: usize = 255;

/// Takes off the `'` that an export puts before what a spreadsheet would run as a formula.
pub(crate) fn unguard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) => rest,
        _ => cell,
    }
}

/// The text's first `bytes` bytes, cut where a character ends.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
