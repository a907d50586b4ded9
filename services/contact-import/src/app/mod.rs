//! Use cases: what can be done with imports, one file each. They open connections and transactions.
//! [`jobs`] has those of the workers.

mod apply_import;
mod cancel_import;
pub(crate) mod jobs;
mod list_imports;
mod list_rejected_rows;
mod page;
mod upload_import;
mod watch_import;

use std::sync::Arc;

use onethread_core::{Clock, Entropy, ImportId, OrganizationId};
use onethread_db::Database;
use onethread_errors::{Error, Result};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::Import,
    storage::FileStorage,
    store::imports,
    worker::{WaitReasons, WorkSignal},
};

pub(crate) use page::Page;
pub(crate) use upload_import::NewFile;

/// Most uploads at a time.
pub(crate) const MAX_UPLOADS: usize = 32;

/// The use cases of people and of the gateway. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) db: Database,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) files: FileStorage,
    /// Wakes a worker of this process.
    pub(crate) work: WorkSignal,
    pub(crate) wait_reasons: WaitReasons,
    /// Permits for uploads.
    pub(crate) uploads: Arc<Semaphore>,
    /// Canceled when the process stops, so that streams end.
    pub(crate) stopping: CancellationToken,
}

impl App {
    /// Returns an import.
    ///
    /// # Errors
    ///
    /// `NotFound` for another organization's import as for an unknown one.
    pub(crate) async fn get(&self, organization: OrganizationId, id: ImportId) -> Result<Import> {
        let mut conn = self.db.reader("import.get").await?;
        let import = imports::by_id(&mut conn, organization, id).await?;
        import.map(|import| self.wait_reasons.add_to(import)).ok_or_else(Error::not_found)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
