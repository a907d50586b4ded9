//! Starting a scanned import.

use onethread_core::{ImportId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::{Error, Result};

use super::App;
use crate::{domain::Import, store::imports};

impl App {
    /// Applies a ready import, with changes to its mapping: the field of each changed column, empty
    /// to skip it.
    ///
    /// # Errors
    ///
    /// `NotFound`, `ImportState` when it isn't ready, `InvalidArgument` for a bad mapping.
    pub(crate) async fn apply(
        &self,
        organization: OrganizationId,
        id: ImportId,
        changes: &[(String, String)],
    ) -> Result<Import> {
        let (trace, now) = (onethread_telemetry::current_traceparent(), self.clock.now());
        transaction!(self.db, "import.start", |tx| {
            let import = imports::locked_by_id(tx, organization, id).await?;
            let mapping = import.ok_or_else(Error::not_found)?.start(changes)?;
            imports::start(tx, organization, id, mapping, &trace, now).await?;
            Ok(())
        })?;
        self.work.notify();
        self.get(organization, id).await
    }
}
