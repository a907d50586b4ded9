//! An import as the one who works on it sees it.

use onethread_core::{ImportId, OrganizationId};

use super::{Counts, Format, Header, ImportState, Mapping, Position, RejectedRow};

/// The right to work on an import. A later lease of the same import has a higher number, and what
/// the holder of an earlier one writes from then on comes to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) organization_id: OrganizationId,
    pub(crate) import_id: ImportId,
    pub(crate) number: i64,
}

/// An import that was taken up.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) lease: Lease,
    /// `Scanning`, `Running`, or `Cancelled` where it has to be settled.
    pub(crate) state: ImportState,
    pub(crate) apply_at_once: bool,
    /// How the file is written, as the scan found it.
    pub(crate) format: Format,
    pub(crate) header: Header,
    pub(crate) mapping: Mapping,
    /// Where the next batch begins.
    pub(crate) position: Position,
    /// Batches that have their outcome.
    pub(crate) batch: i64,
    /// Times it was taken up since it last got on.
    pub(crate) attempts: i64,
    /// Trace of the call that asked for the work.
    pub(crate) traceparent: String,
}

/// What a batch brought.
#[derive(Debug, Clone)]
pub(crate) struct Advance {
    /// Number of the batch.
    pub(crate) batch: i64,
    /// What became of its records.
    pub(crate) counts: Counts,
    pub(crate) rejected: Vec<RejectedRow>,
    /// Where the next one begins; `None` when that was the last.
    pub(crate) next: Option<Position>,
}

/// What the contacts made of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Updated,
    Unchanged,
    /// Set aside for a reason.
    Rejected {
        /// Field at fault, such as `email` or `custom.plan`; empty when it is the whole row.
        field: String,
        reason: String,
    },
}
