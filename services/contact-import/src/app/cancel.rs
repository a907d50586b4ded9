//! Stopping an import.

use std::time::Duration;

use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::domain::{Import, ImportState};

/// How often the state may move on under the call.
const TRIES: usize = 5;
/// How often it looks whether something is still under way, and how many times.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 160;

impl App {
    /// Stops an import. What was applied stays, and batches that are under way are still counted:
    /// this waits a while for that.
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
                self.wake.wake();
                return self.settled(organization, id).await;
            }
        }
        Err(Error::new(Reason::Unavailable))
    }

    async fn settled(&self, organization: OrganizationId, id: ImportId) -> Result<Import> {
        for _ in 0..LOOKS {
            let import = self.get(organization, id).await?;
            if import.is_over() {
                return Ok(import);
            }
            tokio::time::sleep(LOOK).await;
        }
        self.get(organization, id).await
    }
}
