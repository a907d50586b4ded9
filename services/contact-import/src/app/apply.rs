//! Starting a scanned import.

use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::domain::{Import, ImportState};

impl App {
    /// Applies an import that is ready, with changes to its mapping: what each column becomes, an
    /// empty text for nothing.
    pub(crate) async fn apply(
        &self,
        organization: OrganizationId,
        id: ImportId,
        changes: &[(String, String)],
    ) -> Result<Import> {
        let import = self.get(organization, id).await?;
        let elsewhere = |state: ImportState| {
            let detail =
                format!("Only a ready import can be applied; this one is {}.", state.name());
            Error::new(Reason::ImportState).because(detail)
        };
        if import.state != ImportState::Ready {
            return Err(elsewhere(import.state));
        }
        let mapping = import.mapping.change(&import.header, changes)?;
        let (trace, now) = (onethread_telemetry::text(), self.clock.now());
        let started = self.store.start(organization, id, mapping, trace, now).await?;
        let import = self.get(organization, id).await?;
        if !started {
            return Err(elsewhere(import.state));
        }
        self.wake.wake();
        Ok(import)
    }
}
