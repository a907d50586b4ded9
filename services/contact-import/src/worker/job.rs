//! Work on one claimed import: its file is opened and read on threads that may block.

use std::io::{self, Seek, SeekFrom};

use onethread_errors::{Error, Result};
use onethread_telemetry::spans;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Worker,
    records::{ReadError, RecordReader},
    scan::scan,
};
use crate::{
    domain::{FileError, ImportState, Job, Position},
    storage::{FileReader, blocking},
};

/// Records between two checks whether work was canceled.
const CANCEL_CHECK_RECORDS: u64 = 4096;

/// Why work on an import ended early.
#[derive(Debug)]
pub(super) enum JobError {
    /// The file or identity rejects it, at every attempt. Has the sentence for the import's error.
    Permanent(String),
    /// Something is unavailable or broken.
    Failed(Error),
    /// The lease is lost, or the import was canceled.
    LeaseLost,
}

impl From<Error> for JobError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<FileError> for JobError {
    fn from(error: FileError) -> Self {
        Self::Permanent(error.to_string())
    }
}

impl Worker {
    pub(super) async fn run_job(&self, job: &Job) -> Result<(), JobError> {
        match job.state {
            ImportState::Scanning => {
                let scanned = self.scan(job).instrument(spans::step("scan")).await?;
                match scanned {
                    Some(scanned) => self.apply(&scanned).instrument(spans::step("apply")).await,
                    None => Ok(()),
                }
            }
            ImportState::Canceled => self.settle(job).instrument(spans::step("settle")).await,
            _ => self.apply(job).instrument(spans::step("apply")).await,
        }
    }

    /// Scans a file. Returns the job of applying it; `None` when the import waits for a mapping.
    async fn scan(&self, job: &Job) -> Result<Option<Job>, JobError> {
        let scanned = self.open(job, scan).await?;
        let (mapping, next) = scanned.propose(job.apply_after_scan)?;
        debug_assert!(job.state.may_become(next));
        let applying = (next == ImportState::Running).then(|| Job {
            state: next,
            format: scanned.format,
            header: scanned.header.clone(),
            mapping: mapping.clone(),
            position: scanned.first,
            attempts: 0,
            ..job.clone()
        });
        if !self.jobs.record_scan(job.lease, scanned, mapping, next).await? {
            return Err(JobError::LeaseLost);
        }
        self.wait_reasons.clear(job.lease.import);
        Ok(applying)
    }

    /// Reads the records of a scanned file from a position on.
    pub(super) async fn read<T, F>(&self, job: &Job, from: Position, work: F) -> Result<T, JobError>
    where
        F: FnOnce(RecordReader<FileReader>, &CancellationToken) -> Result<T, ReadError>,
        F: Send + 'static,
        T: Send + 'static,
    {
        let format = job.format;
        self.open(job, move |mut file: FileReader, canceled| {
            file.seek(SeekFrom::Start(from.offset))?;
            work(RecordReader::new(file, from, format), canceled)
        })
        .await
    }

    /// Opens the file and works on it on a thread that may block. The work is canceled when the
    /// caller stops waiting.
    async fn open<T, F>(&self, job: &Job, work: F) -> Result<T, JobError>
    where
        F: FnOnce(FileReader, &CancellationToken) -> Result<T, ReadError>,
        F: Send + 'static,
        T: Send + 'static,
    {
        let canceled = CancellationToken::new();
        let _canceled_with_the_caller = canceled.clone().drop_guard();
        let (files, lease) = (self.files.clone(), job.lease);
        let done = blocking(move || {
            split_errors(work(files.open_file(lease.organization, lease.import)?, &canceled))
        });
        Ok(done.await??)
    }
}

/// Separates errors of the file from those of the storage.
pub(super) fn split_errors<T>(read: Result<T, ReadError>) -> io::Result<Result<T, FileError>> {
    match read {
        Ok(done) => Ok(Ok(done)),
        Err(ReadError::File(error)) => Ok(Err(error)),
        Err(ReadError::NotUtf8 { line }) => Ok(Err(FileError::new(line, "the text is not UTF-8."))),
        Err(ReadError::Io(error)) => Err(error),
    }
}

/// Stops work whose caller is gone; checked only for some of the records.
pub(super) fn check_canceled(canceled: &CancellationToken, record: u64) -> io::Result<()> {
    if record.is_multiple_of(CANCEL_CHECK_RECORDS) && canceled.is_cancelled() {
        return Err(io::Error::other("the work was canceled"));
    }
    Ok(())
}
