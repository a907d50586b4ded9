//! Deletes files that are no longer needed: 30 days after the end of their import, and those of
//! uploads that ended in a crash.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::StreamExt;
use onethread_core::{Clock, ImportId, OrganizationId, Timestamp};
use onethread_db::Database;
use onethread_errors::Result;
use onethread_lifecycle::Lifecycle;
use tracing::warn;

use crate::{
    storage::{FileStorage, blocking},
    store::imports,
};

/// How long a file is kept after the end of its import.
const FILE_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);
/// Age at which an upload without an import is abandoned: no upload takes so long.
const MAX_UPLOAD_AGE: Duration = Duration::from_secs(24 * 3600);
/// Interval between two sweeps.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// Deletes files that are no longer needed.
pub(crate) struct Sweeper {
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) files: FileStorage,
}

impl Sweeper {
    /// Sweeps every hour until the process stops.
    pub(crate) async fn run(self, life: Lifecycle) {
        loop {
            tokio::select! {
                () = life.stopping() => return,
                swept = self.sweep() => if let Err(error) = swept {
                    warn!(cause = error.chain(), "failed to delete old files");
                },
            }
            tokio::select! {
                () = life.stopping() => return,
                () = tokio::time::sleep(SWEEP_INTERVAL) => {}
            }
        }
    }

    /// Sweeps once.
    ///
    /// # Errors
    ///
    /// When the database or the storage can't be used. What was deleted stays deleted.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let now = self.clock.now();
        loop {
            let expired = self.expired(now).await?;
            if expired.is_empty() {
                break;
            }
            for (organization, import) in expired {
                self.files.remove(organization, import).await?;
                let mut conn = self.db.writer("import.file_gone").await?;
                imports::mark_file_deleted(&mut conn, organization, import).await?;
            }
        }
        let is_abandoned = move |import| uploaded_at(import) < now.minus(MAX_UPLOAD_AGE);
        let mut found = pin!(self.files.list());
        while let Some(file) = found.next().await {
            let (organization, import) = file?;
            if is_abandoned(import) && !self.exists(organization, import).await? {
                self.files.remove(organization, import).await?;
            }
        }
        let files = self.files.clone();
        blocking(move || files.remove_drafts(is_abandoned)).await
    }

    async fn expired(&self, now: Timestamp) -> Result<Vec<(OrganizationId, ImportId)>> {
        let mut conn = self.db.reader("import.outdated").await?;
        Ok(imports::with_file_ended_before(&mut conn, now.minus(FILE_RETENTION)).await?)
    }

    async fn exists(&self, organization: OrganizationId, import: ImportId) -> Result<bool> {
        let mut conn = self.db.reader("import.revision").await?;
        Ok(imports::revision(&mut conn, organization, import).await?.is_some())
    }
}

impl std::fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweeper").finish_non_exhaustive()
    }
}

/// When the upload began: an id begins with its time. One without a time counts as new.
fn uploaded_at(import: ImportId) -> Timestamp {
    let Some(at) = import.0.get_timestamp() else { return Timestamp::from_micros(i64::MAX) };
    let (seconds, nanos) = at.to_unix();
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_micros(seconds.saturating_mul(1_000_000) + i64::from(nanos / 1000))
}
