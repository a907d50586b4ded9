//! Canceling an import.

use std::time::Duration;

use onethread_core::{ImportId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::{Error, Result};
use tokio::time::{Instant, sleep};

use super::App;
use crate::{domain::Import, store::imports};

/// Interval at which a canceled import is checked for batches in flight.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Time after which the answer no longer waits for them. Calls have 10 seconds by default.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(8);

impl App {
    /// Cancels an import. Applied rows stay applied. Batches in flight are still counted; the
    /// answer waits some seconds for them.
    ///
    /// # Errors
    ///
    /// `NotFound`, `ImportState` when it has ended.
    pub(crate) async fn cancel(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> Result<Import> {
        let now = self.clock.now();
        transaction!(self.db, "import.cancel", |tx| {
            let import = imports::locked_by_id(tx, organization, id).await?;
            let settled = import.ok_or_else(Error::not_found)?.cancel()?;
            imports::cancel(tx, organization, id, settled, now).await?;
            Ok(())
        })?;
        self.work.notify();
        let give_up_at = Instant::now() + SETTLE_TIMEOUT;
        loop {
            let import = self.get(organization, id).await?;
            if import.is_final() || Instant::now() > give_up_at {
                return Ok(import);
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}
