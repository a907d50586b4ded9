//! Renewing and releasing leases.

use std::time::Duration;

use onethread_errors::Result;

use super::{Jobs, LEASE_DURATION};
use crate::{
    domain::{Lease, WaitReason},
    store::jobs,
};

impl Jobs {
    /// Renews a lease. False when it is lost or no work is left.
    ///
    /// # Errors
    ///
    /// When the database can't be written.
    pub(crate) async fn renew(&self, lease: Lease) -> Result<bool> {
        let mut conn = self.db.writer("import.keep").await?;
        Ok(jobs::renew(&mut conn, lease, self.clock.now().plus(LEASE_DURATION)).await?)
    }

    /// Returns an import to the queue, due after `delay`.
    ///
    /// # Errors
    ///
    /// When the database can't be written.
    pub(crate) async fn release(
        &self,
        lease: Lease,
        delay: Duration,
        attempts: i64,
        waits_for: Option<WaitReason>,
    ) -> Result<()> {
        let due = self.clock.now().plus(delay);
        let mut conn = self.db.writer("import.give_back").await?;
        let waits_for = waits_for.map(WaitReason::message);
        Ok(jobs::release(&mut conn, lease, due, attempts, waits_for).await?)
    }

    /// Ends all leases, when this process is the only one on its database: their holders are dead.
    ///
    /// # Errors
    ///
    /// When the database can't be written.
    pub(crate) async fn release_all(&self) -> Result<()> {
        let mut conn = self.db.writer("import.free_all").await?;
        Ok(jobs::release_all(&mut conn, self.clock.now()).await?)
    }
}
