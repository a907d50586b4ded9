//! What can be done with imports, one file a use case. Work that takes long is the worker's.

mod apply;
mod cancel;
mod read;
mod upload;
mod watch;

use std::sync::Arc;

use onethread_core::{Clock, Entropy, ImportId, OrganizationId};
use onethread_errors::{Error, Result};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::Import,
    files::Files,
    store::Store,
    worker::{Waiting, Wake},
};

pub(crate) use read::Page;
pub(crate) use upload::NewFile;

/// Uploads under way at once.
const UPLOADS: usize = 32;

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    files: Files,
    wake: Wake,
    waiting: Waiting,
    uploads: Arc<Semaphore>,
    /// Said when the process stops: whoever watches an import is let go.
    stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        files: Files,
        wake: Wake,
        waiting: Waiting,
        stopping: CancellationToken,
    ) -> Self {
        let uploads = Arc::new(Semaphore::new(UPLOADS));
        Self { store, clock, entropy, files, wake, waiting, uploads, stopping }
    }

    /// One import. Not found for a foreign id as for an unknown one.
    pub(crate) async fn get(&self, organization: OrganizationId, id: ImportId) -> Result<Import> {
        let import = self.store.get(organization, id).await?;
        import.map(|import| self.waiting.shown(import)).ok_or_else(Error::not_found)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
