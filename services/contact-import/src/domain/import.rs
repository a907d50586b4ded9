//! An import and the numbers it keeps.

use std::time::Duration;

use onethread_core::{ImportId, Timestamp};

use super::{Format, Header, ImportState, Mapping};

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
    /// False for one that was stopped while it has yet to be found out what became of its last
    /// batches: its counts may still grow.
    pub(crate) settled: bool,
}

impl Import {
    /// True when nothing of it changes any more.
    pub(crate) fn is_over(&self) -> bool {
        self.state.has_ended() && self.settled
    }

    /// Records a second from the beginning of applying until its end or `now`; 0 before.
    pub(crate) fn rows_per_second(&self, now: Timestamp) -> f64 {
        let Some(started) = self.started_at else { return 0.0 };
        let span = self.finished_at.unwrap_or(now).since(started);
        // Below a millisecond the quotient says nothing.
        let seconds = span.max(Duration::from_millis(1)).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a file has far fewer than 2^53 records")]
        let processed = self.counts.processed() as f64;
        processed / seconds
    }

    /// Seconds that the rest takes at that rate, rounded up. `None` while nothing is known of it,
    /// and where nobody goes on with it.
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
                // Longer than that is no forecast.
                #[expect(clippy::cast_possible_truncation, reason = "it is below a bound")]
                (seconds < FORECAST).then_some(seconds as i64)
            }
            ImportState::Running => Some(0),
            _ => None,
        }
    }
}

/// Seconds that a forecast reaches at most: thirty days.
const FORECAST: f64 = 30.0 * 24.0 * 3600.0;

/// What became of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) created: i64,
    pub(crate) updated: i64,
    pub(crate) unchanged: i64,
    pub(crate) rejected: i64,
}

impl Counts {
    /// Records that have an outcome.
    pub(crate) fn processed(self) -> i64 {
        self.created + self.updated + self.unchanged + self.rejected
    }
}

/// Where a record begins in its file.
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
    /// The beginning of a file.
    pub(crate) const START: Self = Self { offset: 0, line: 1, record: 0 };
}

/// What the scan found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scanned {
    pub(crate) format: Format,
    pub(crate) header: Header,
    pub(crate) rows: i64,
    pub(crate) preview: Vec<Vec<String>>,
    /// Where the first record after the header begins.
    pub(crate) first: Position,
}

/// A record that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedRow {
    /// Number of the record: the first after the header is 1.
    pub(crate) record: u64,
    /// Line that it begins on, from 1.
    pub(crate) line: u64,
    /// Column at fault; empty when it is the whole record.
    pub(crate) column: String,
    pub(crate) reason: String,
    /// The record's cells in the columns' order.
    pub(crate) cells: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_the_rate() {
        let began = Timestamp::from_micros(0);
        let at = |seconds| began.plus(Duration::from_secs(seconds));
        let mut import = Import {
            id: ImportId(uuid::Uuid::nil()),
            file_name: String::new(),
            state: ImportState::Running,
            rows: 1000,
            counts: Counts::default(),
            encoding: String::new(),
            delimiter: String::new(),
            header: Header::default(),
            mapping: Mapping::default(),
            preview: Vec::new(),
            error: None,
            created_at: began,
            started_at: Some(began),
            finished_at: None,
            settled: true,
        };
        assert_eq!(import.seconds_left(at(10)), None);
        import.counts = Counts { created: 90, rejected: 10, ..Counts::default() };
        assert_eq!(import.seconds_left(at(10)), Some(90));
        assert_eq!(import.seconds_left(at(20)), Some(180));
        // A rate at which it takes a year is none.
        assert_eq!(import.seconds_left(at(365 * 24 * 3600)), None);
        import.counts.created = 990;
        import.state = ImportState::Done;
        assert_eq!(import.seconds_left(at(100)), Some(0));
        for state in [ImportState::Scanning, ImportState::Ready, ImportState::Cancelled] {
            assert_eq!(Import { state, ..import.clone() }.seconds_left(at(1)), None);
        }
    }
}
