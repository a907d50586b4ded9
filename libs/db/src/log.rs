//! Truncating SQLite's write-ahead log, in which erased rows would stay until it is overwritten.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{ConnectOptions, Connection as _, query_as, sqlite::SqliteConnectOptions};
use tokio::time::sleep;
use tracing::warn;

use crate::{Database, Result, connect::Pools};

/// How long a checkpoint waits for a writer or a reader. Writers wait meanwhile.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// Delay before another attempt.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Attempts after one erasure: a few minutes. The next erasure and the next start try again.
const MAX_ATTEMPTS: usize = 200;

/// Truncates the log of a file. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct LogTruncation(Arc<State>);

#[derive(Debug)]
struct State {
    options: SqliteConnectOptions,
    /// Rows were erased since the last truncation began.
    is_requested: AtomicBool,
    is_running: AtomicBool,
}

impl LogTruncation {
    pub(crate) fn new(options: SqliteConnectOptions) -> Self {
        Self(Arc::new(State {
            options: options.busy_timeout(LOCK_TIMEOUT),
            is_requested: AtomicBool::new(false),
            is_running: AtomicBool::new(false),
        }))
    }

    /// Writes the log back to the file and truncates it. False when a reader or writer was in the
    /// way.
    pub(crate) async fn truncate(&self) -> Result<bool> {
        // Its own connection, so that writers don't wait while most of the log is written back.
        let mut conn = self.0.options.connect().await?;
        let mut is_busy = true;
        for mode in ["PRAGMA wal_checkpoint(PASSIVE)", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            let (busy, _, _): (i64, i64, i64) = query_as(mode).fetch_one(&mut conn).await?;
            is_busy = busy != 0;
        }
        conn.close().await?;
        Ok(!is_busy)
    }

    /// Truncates it as soon as no reader is in the way, in the background.
    pub(crate) fn request(&self) {
        self.0.is_requested.store(true, Ordering::SeqCst);
        self.start();
    }

    async fn run(self) {
        while self.0.is_requested.swap(false, Ordering::SeqCst) {
            let mut attempts = 0;
            while attempts < MAX_ATTEMPTS && !matches!(self.truncate().await, Ok(true)) {
                attempts += 1;
                sleep(RETRY_INTERVAL).await;
            }
            if attempts == MAX_ATTEMPTS {
                warn!("erased rows are still in the log of the database");
            }
        }
        self.0.is_running.store(false, Ordering::SeqCst);
        // It may have been requested after the loop and before it was no longer running.
        if self.0.is_requested.load(Ordering::SeqCst) {
            self.start();
        }
    }

    fn start(&self) {
        if !self.0.is_running.swap(true, Ordering::SeqCst) {
            tokio::spawn(Box::pin(self.clone().run()) as futures::future::BoxFuture<'static, ()>);
        }
    }
}

impl Database {
    /// Removes what a commit has erased from SQLite's write-ahead log, in the background. The commit
    /// itself has overwritten it in the file. Does nothing on PostgreSQL.
    pub fn truncate_log(&self) {
        if let Pools::Sqlite { log, .. } = &self.pools {
            log.request();
        }
    }
}
