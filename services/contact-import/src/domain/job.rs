//! An import as its worker sees it.

use onethread_core::{ImportId, OrganizationId};

use super::{Counts, Format, Header, ImportState, Mapping, Position, RejectedRow};

/// The right to work on an import. A later lease of the same import has a higher number, and
/// changes of an earlier lease's holder are ignored from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) organization: OrganizationId,
    pub(crate) import: ImportId,
    pub(crate) number: i64,
}

/// A claimed import.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) lease: Lease,
    /// `Scanning`, `Running`, or `Canceled` when it has to be settled.
    pub(crate) state: ImportState,
    /// Apply the proposed mapping right after the scan.
    pub(crate) apply_after_scan: bool,
    /// The format that the scan found.
    pub(crate) format: Format,
    pub(crate) header: Header,
    pub(crate) mapping: Mapping,
    /// Start of the next batch.
    pub(crate) position: Position,
    /// Number of the last batch with a stored outcome.
    pub(crate) batch: i64,
    /// Claims since the last progress.
    pub(crate) attempts: i64,
    /// Trace of the call that asked for the work.
    pub(crate) traceparent: String,
}

/// How far applying has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: ImportState,
    /// Number of the last batch with a stored outcome.
    pub(crate) batch: i64,
}

impl Progress {
    /// The state after a batch. `None` when that batch isn't the next one, or the import has no
    /// batches in this state. A batch that was in flight when its import was canceled counts: its
    /// contacts are stored.
    pub(crate) fn after(self, result: &BatchResult) -> Option<ImportState> {
        let is_next = result.batch == self.batch + 1;
        match self.state {
            _ if !is_next => None,
            ImportState::Running if result.next.is_none() => Some(ImportState::Done),
            ImportState::Running | ImportState::Canceled => Some(self.state),
            _ => None,
        }
    }
}

/// The outcome of a batch.
#[derive(Debug, Clone)]
pub(crate) struct BatchResult {
    /// Number of the batch, from 1.
    pub(crate) batch: i64,
    pub(crate) counts: Counts,
    pub(crate) rejected: Vec<RejectedRow>,
    /// Start of the next batch; `None` after the last one.
    pub(crate) next: Option<Position>,
}

/// What identity did with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Updated,
    Unchanged,
    Rejected {
        /// Field with the error, such as `email` or `custom.plan`; empty for the whole row.
        field: String,
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn result(batch: i64, is_last: bool) -> BatchResult {
        let next = (!is_last).then_some(Position::START);
        BatchResult { batch, counts: Counts::default(), rejected: Vec::new(), next }
    }

    #[test]
    fn a_batch_leads_to_the_state_after_it() {
        use ImportState::{Canceled, Done, Failed, Ready, Running, Scanning};
        for (state, is_last, expected) in [
            (Running, false, Some(Running)),
            (Running, true, Some(Done)),
            (Canceled, false, Some(Canceled)),
            (Canceled, true, Some(Canceled)),
            (Scanning, false, None),
            (Ready, true, None),
            (Done, true, None),
            (Failed, false, None),
        ] {
            let progress = Progress { state, batch: 3 };
            assert_eq!(progress.after(&result(4, is_last)), expected, "{state:?}");
        }
    }

    proptest! {
        #[test]
        fn no_batch_counts_twice_or_out_of_order(at in 0..9_i64, batch in 0..9_i64, is_last: bool) {
            let progress = Progress { state: ImportState::Running, batch: at };
            prop_assert_eq!(progress.after(&result(batch, is_last)).is_some(), batch == at + 1);
        }
    }
}
