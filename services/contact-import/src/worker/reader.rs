//! Reads an import's batches, one when it is asked for, all of them on one thread: a thread uses
//! again what it allocated before, while as many as took turns would each keep a batch's worth.

use std::io;

use onethread_errors::{Error, Result};
use tokio::sync::{mpsc, oneshot};

use super::{
    Stopped,
    batch::{Batch, Batches},
    settle,
};
use crate::{
    domain::{Broken, Plan, Record, RejectedRow, Rejection},
    files::{StoredFile, failed},
};

type Answer = io::Result<Result<Batch, Broken>>;

/// The thread, which ends with the value.
#[derive(Debug)]
pub(super) struct Reader {
    asks: mpsc::Sender<oneshot::Sender<Answer>>,
    plan: Plan,
}

impl Reader {
    /// Begins with the first of them.
    pub(super) fn start(mut batches: Batches<StoredFile>) -> Self {
        let plan = batches.plan().clone();
        let (asks, mut asked) = mpsc::channel::<oneshot::Sender<Answer>>(1);
        tokio::task::spawn_blocking(move || {
            while let Some(answer) = asked.blocking_recv() {
                // Whoever asked may be gone, and then so is who would ask again.
                let _ = answer.send(settle(batches.read()));
            }
        });
        Self { asks, plan }
    }

    /// The next one; empty at the end of the file.
    pub(super) async fn next(&self) -> Result<Batch, Stopped> {
        let (answer, read) = oneshot::channel();
        self.asks.send(answer).await.map_err(Error::internal)?;
        let read = read.await.map_err(Error::internal)?;
        read.map_err(failed)?.map_err(|broken| Stopped::Refused(broken.to_string()))
    }

    /// A record as it is set aside.
    pub(super) fn rejected(&self, record: &Record, rejection: Rejection) -> RejectedRow {
        self.plan.rejected(record, rejection)
    }

    /// The column that becomes this field; empty where there is none.
    pub(super) fn column_of(&self, field: &str) -> String {
        self.plan.column_of(field)
    }
}
