//! Erasing a contact.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::{Error, Result};

use crate::{
    app::App,
    contact::store::contacts,
    domain::effects::{Delivery, Effects},
    organization::domain::audit::{Action, Actor},
    session::store::devices,
};

impl App {
    /// Erases a contact: the row with the claim, its events, its logins on devices, what webhooks
    /// are notified of, and its conversation.
    ///
    /// # Errors
    ///
    /// `NotFound`.
    pub(crate) async fn erase_contact(
        &self,
        organization: OrganizationId,
        id: ContactId,
        actor: Actor,
    ) -> Result<()> {
        let now = self.clock.now();
        transaction!(self.db, "contact.erase", |tx| {
            if !contacts::delete(tx, organization, id).await? {
                return Err(Error::not_found());
            }
            devices::retire_of_contact(tx, organization, id).await?;
            devices::retire_visitor(tx, organization, id, now).await?;
            contacts::delete_webhook_rows(tx, organization, id).await?;
            let effects = Effects::none()
                .revoke(id.0)
                .audit(actor, Action::ContactErased, id.0)
                .deliver(Delivery::Erased(id));
            self.record(tx, organization, effects).await
        })?;
        self.db.truncate_log();
        Ok(())
    }
}
