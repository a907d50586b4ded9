//! Reads an import's batches on request, all on one thread: it reuses the memory that it allocated,
//! while each of several threads would retain that of a batch.

use std::io;

use onethread_errors::{Error, Result};
use tokio::sync::{mpsc, oneshot};

use super::{
    JobError,
    batch::{Batch, BatchReader},
    split_errors,
};
use crate::{
    domain::{FileError, RowParser},
    storage::{FileReader, io_error},
};

type Answer = io::Result<Result<Batch, FileError>>;

/// The thread. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct BatchThread {
    requests: mpsc::Sender<oneshot::Sender<Answer>>,
    parser: RowParser,
}

impl BatchThread {
    /// Starts a thread that reads from these.
    pub(super) fn start(mut batches: BatchReader<FileReader>) -> Self {
        let parser = batches.parser().clone();
        let (requests, mut queue) = mpsc::channel::<oneshot::Sender<Answer>>(1);
        tokio::task::spawn_blocking(move || {
            while let Some(answer) = queue.blocking_recv() {
                // The receiver is gone when the import's work was canceled.
                let _ = answer.send(split_errors(batches.read()));
            }
        });
        Self { requests, parser }
    }

    /// The next batch; empty at the end of the file.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub(super) async fn next(&self) -> Result<Batch, JobError> {
        let (answer, read) = oneshot::channel();
        self.requests.send(answer).await.map_err(Error::internal)?;
        let read = read.await.map_err(Error::internal)?;
        read.map_err(io_error)?.map_err(JobError::from)
    }

    /// The parser of the rows.
    pub(super) fn parser(&self) -> &RowParser {
        &self.parser
    }
}
