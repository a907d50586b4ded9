//! Stopping an import.

use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::domain::{Import, ImportState};

/// How often the state may move on under the call.
const TRIES: usize = 5;

impl App {
    /// Stops an import. What was applied stays, and a batch that is under way is still counted.
    pub(crate) async fn cancel(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> Result<Import> {
        for _ in 0..TRIES {
            let import = self.get(organization, id).await?;
            if !import.state.may_become(ImportState::Cancelled) {
                let detail = format!("The import has ended: it is {}.", import.state.name());
                return Err(Error::new(Reason::ImportState).because(detail));
            }
            if self.store.cancel(organization, id, import.state, self.clock.now()).await? {
                return self.get(organization, id).await;
            }
        }
        Err(Error::new(Reason::Unavailable))
    }
}
