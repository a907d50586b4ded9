//! Recording that an import has ended.

use onethread_errors::Result;

use super::Jobs;
use crate::{domain::Lease, store::jobs};

impl Jobs {
    /// Ends an import that can't continue. Does nothing when the lease is lost or the import was
    /// canceled.
    ///
    /// # Errors
    ///
    /// When the database can't be written.
    pub(crate) async fn fail(&self, lease: Lease, reason: &str) -> Result<()> {
        let mut conn = self.db.writer("import.fail").await?;
        Ok(jobs::fail(&mut conn, lease, reason, self.clock.now()).await?)
    }

    /// Records that no batch of a canceled import is in flight. Does nothing when the lease is lost.
    ///
    /// # Errors
    ///
    /// When the database can't be written.
    pub(crate) async fn settle(&self, lease: Lease) -> Result<()> {
        let mut conn = self.db.writer("import.settled").await?;
        Ok(jobs::settle(&mut conn, lease).await?)
    }
}
