//! An import, its numbers, and what may be done with it.

use std::time::Duration;

use onethread_core::{ImportId, Timestamp};
use onethread_errors::{Error, Reason, Result};

use super::{FileError, Format, Header, ImportState, Mapping};

/// One import.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Import {
    pub(crate) id: ImportId,
    pub(crate) file_name: String,
    pub(crate) state: ImportState,
    /// Records in the file; 0 before the scan.
    pub(crate) rows: i64,
    pub(crate) counts: Counts,
    /// Empty before the scan.
    pub(crate) encoding: String,
    /// Empty before the scan.
    pub(crate) delimiter: String,
    pub(crate) header: Header,
    pub(crate) mapping: Mapping,
    pub(crate) preview: Vec<Vec<String>>,
    /// Why it failed, or what it waits for.
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When applying began.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    /// False while batches of a canceled import may be in flight: its counts may still grow.
    pub(crate) settled: bool,
}

impl Import {
    /// True when it doesn't change any more.
    pub(crate) fn is_final(&self) -> bool {
        self.state.is_final() && self.settled
    }

    /// Starts it with changes to its mapping, and returns the mapping.
    ///
    /// # Errors
    ///
    /// `ImportState` when it isn't ready, `InvalidArgument` when the changes or the mapping that
    /// results aren't valid.
    pub(crate) fn start(&self, changes: &[(String, String)]) -> Result<Mapping> {
        if self.state != ImportState::Ready {
            let state = self.state.name();
            let detail = format!("Only a ready import can be applied; this one is {state}.");
            return Err(self.wrong_state(detail));
        }
        self.mapping.clone().change(&self.header, changes)
    }

    /// The error for a call that the state doesn't allow. Its metadata has the name that the state has
    /// in the contract.
    fn wrong_state(&self, detail: String) -> Error {
        let state = format!("{:?}", self.state).to_uppercase();
        Error::new(Reason::ImportState).with_detail(detail).with_metadata("state", state)
    }

    /// Cancels it, and returns whether it is settled, which it isn't when batches may be in flight.
    ///
    /// # Errors
    ///
    /// `ImportState` when it has ended.
    pub(crate) fn cancel(&self) -> Result<bool> {
        if !self.state.may_become(ImportState::Canceled) {
            let detail = format!("The import has ended: it is {}.", self.state.name());
            return Err(self.wrong_state(detail));
        }
        Ok(self.state != ImportState::Running)
    }

    /// Records per second, from the start of applying to its end or `now`; 0 before.
    pub(crate) fn rows_per_second(&self, now: Timestamp) -> f64 {
        let Some(started) = self.started_at else { return 0.0 };
        let span = self.finished_at.unwrap_or(now).since(started);
        // A shorter time makes the quotient meaningless.
        let seconds = span.max(Duration::from_millis(1)).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a file has far fewer than 2^53 records")]
        let processed = self.counts.processed() as f64;
        processed / seconds
    }

    /// Seconds that the remaining records take at that rate, rounded up. `None` while the rate is
    /// unknown or the import doesn't run.
    pub(crate) fn seconds_left(&self, now: Timestamp) -> Option<i64> {
        let left = self.rows - self.counts.processed();
        match self.state {
            ImportState::Done => Some(0),
            ImportState::Running if left > 0 => {
                let rate = self.rows_per_second(now);
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a file has far fewer than 2^53 records"
                )]
                let seconds = (left as f64 / rate).ceil();
                #[expect(clippy::cast_possible_truncation, reason = "it is below a bound")]
                (seconds < MAX_FORECAST_SECONDS).then_some(seconds as i64)
            }
            ImportState::Running => Some(0),
            _ => None,
        }
    }
}

/// Longest forecast: thirty days.
const MAX_FORECAST_SECONDS: f64 = 30.0 * 24.0 * 3600.0;

/// Outcomes of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) unchanged: i64,
    pub(crate) rejected: i64,
}

impl Counts {
    /// Records with an outcome.
    pub(crate) fn processed(self) -> i64 {
        self.created + self.updated + self.unchanged + self.rejected
    }
}

/// The start of a record in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Bytes before it.
    pub(crate) offset: u64,
    /// Its line, from 1.
    pub(crate) line: u64,
    /// Its number: the header is 0.
    pub(crate) record: u64,
}

impl Position {
    /// The start of a file.
    pub(crate) const START: Self = Self { offset: 0, line: 1, record: 0 };
}

/// An uploaded file that becomes an import.
#[derive(Debug, Clone)]
pub(crate) struct NewImport {
    pub(crate) id: ImportId,
    pub(crate) file_name: String,
    /// SHA-256 of the file.
    pub(crate) file_hash: Vec<u8>,
    /// Idempotency key.
    pub(crate) request_id: Option<String>,
    /// Apply the proposed mapping right after the scan.
    pub(crate) apply_after_scan: bool,
    /// Trace of the upload.
    pub(crate) traceparent: String,
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScanResult {
    pub(crate) format: Format,
    pub(crate) header: Header,
    pub(crate) rows: i64,
    pub(crate) preview: Vec<Vec<String>>,
    /// Start of the first record after the header.
    pub(crate) first: Position,
}

impl ScanResult {
    /// The mapping of a scanned file, and the state after the scan: ready, or running when the
    /// mapping is applied without being looked at.
    ///
    /// # Errors
    ///
    /// When it is to be applied and its rows have no key.
    pub(crate) fn propose(
        &self,
        apply_after_scan: bool,
    ) -> Result<(Mapping, ImportState), FileError> {
        let mapping = Mapping::propose(&self.header);
        if !apply_after_scan {
            return Ok((mapping, ImportState::Ready));
        }
        if !mapping.has_key() {
            let reason = "no column is named user_id or email. Upload the file without applying \
                it, and choose which column is which.";
            return Err(FileError::new(1, reason));
        }
        Ok((mapping, ImportState::Running))
    }
}

/// A record that was not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedRow {
    /// Number of the record: the first after the header is 1.
    pub(crate) record: u64,
    /// Its first line, from 1.
    pub(crate) line: u64,
    /// Column with the error; empty for the whole record.
    pub(crate) column: String,
    pub(crate) reason: String,
    /// The record's cells in the columns' order.
    pub(crate) cells: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(state: ImportState) -> Import {
        Import {
            id: ImportId(uuid::Uuid::nil()),
            file_name: String::new(),
            state,
            rows: 1000,
            counts: Counts::default(),
            encoding: String::new(),
            delimiter: String::new(),
            header: Header::default(),
            mapping: Mapping::default(),
            preview: Vec::new(),
            error: None,
            created_at: Timestamp::from_micros(0),
            started_at: Some(Timestamp::from_micros(0)),
            finished_at: None,
            settled: true,
        }
    }

    #[test]
    fn an_import_is_started_when_ready_and_canceled_before_its_end() {
        use ImportState::{Canceled, Done, Failed, Ready, Running, Scanning};
        for (state, may_cancel, settled) in [
            (Scanning, true, true),
            (Ready, true, true),
            (Running, true, false),
            (Done, false, false),
            (Failed, false, false),
            (Canceled, false, false),
        ] {
            let import = import(state);
            // An empty mapping can't be started; before that, the state is checked.
            let expected =
                if state == Ready { Reason::InvalidArgument } else { Reason::ImportState };
            assert_eq!(import.start(&[]).unwrap_err().reason, expected, "{state:?}");
            match import.cancel() {
                Ok(is_settled) => assert_eq!((may_cancel, is_settled), (true, settled)),
                Err(error) => assert_eq!((may_cancel, error.reason), (false, Reason::ImportState)),
            }
        }
    }

    #[test]
    fn the_remaining_time_follows_from_the_rate() {
        let began = Timestamp::from_micros(0);
        let at = |seconds| began.plus(Duration::from_secs(seconds));
        let mut import = import(ImportState::Running);
        assert_eq!(import.seconds_left(at(10)), None);
        import.counts = Counts { created: 90, rejected: 10, ..Counts::default() };
        assert_eq!(import.seconds_left(at(10)), Some(90));
        assert_eq!(import.seconds_left(at(20)), Some(180));
        // At this rate it takes a year: no forecast.
        assert_eq!(import.seconds_left(at(365 * 24 * 3600)), None);
        import.counts.created = 990;
        import.state = ImportState::Done;
        assert_eq!(import.seconds_left(at(100)), Some(0));
        for state in [ImportState::Scanning, ImportState::Ready, ImportState::Canceled] {
            assert_eq!(Import { state, ..import.clone() }.seconds_left(at(1)), None);
        }
    }
}
