//! Use cases of the workers: an import is claimed under a lease, scanned, applied batch by batch, and
//! released.

mod claim;
mod lease;
mod record_batch;
mod record_end;
mod record_scan;

use std::{sync::Arc, time::Duration};

use onethread_core::Clock;
use onethread_db::Database;

/// How long a lease lasts.
const LEASE_DURATION: Duration = Duration::from_secs(20);

/// The use cases of the workers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Jobs {
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").finish_non_exhaustive()
    }
}
