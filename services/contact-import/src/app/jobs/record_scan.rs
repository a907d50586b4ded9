//! Recording what a scan found.

use onethread_errors::Result;

use super::Jobs;
use crate::{
    domain::{ImportState, Lease, Mapping, ScanResult},
    store::jobs,
};

impl Jobs {
    /// Stores a scan. The lease continues when the rows are to be applied now. False when the lease
    /// is lost or the import was canceled.
    ///
    /// # Errors
    ///
    /// When the database can't be written.
    pub(crate) async fn record_scan(
        &self,
        lease: Lease,
        scan: ScanResult,
        mapping: Mapping,
        next: ImportState,
    ) -> Result<bool> {
        let now = self.clock.now();
        let release_at = (next != ImportState::Running).then_some(now);
        let mut conn = self.db.writer("import.scanned").await?;
        Ok(jobs::save_scan(&mut conn, lease, scan, mapping, next, now, release_at).await?)
    }
}
