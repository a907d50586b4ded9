//! Recording the outcome of a batch.

use onethread_db::transaction;
use onethread_errors::Result;

use super::Jobs;
use crate::{
    domain::{BatchResult, ImportState, Lease},
    store::{jobs, rejected_rows},
};

impl Jobs {
    /// Stores a batch's outcome, its rejected rows and the position after it, all or nothing, and
    /// returns the state of the import after it. `None` when the lease is lost.
    ///
    /// # Errors
    ///
    /// When the database can't be written.
    pub(crate) async fn record_batch(
        &self,
        lease: Lease,
        result: BatchResult,
    ) -> Result<Option<ImportState>> {
        let now = self.clock.now();
        transaction!(self.db, "import.advance", |tx| {
            let progress = jobs::locked_progress(tx, lease).await?;
            let Some(next) = progress.and_then(|progress| progress.after(&result)) else {
                return Ok(None);
            };
            let finished_at = (next == ImportState::Done).then_some(now);
            jobs::save_batch(tx, lease, &result, next, finished_at).await?;
            if !result.rejected.is_empty() {
                rejected_rows::insert(tx, lease, &result.rejected).await?;
            }
            Ok(Some(next))
        })
    }
}
