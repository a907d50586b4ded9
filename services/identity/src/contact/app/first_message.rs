//! The first message of a visitor.

use onethread_core::{ContactId, OrganizationId};
use onethread_errors::Result;

use crate::{
    app::App,
    contact::{domain::contact::Contact, store::merges},
};

impl App {
    /// Writes down that a message of the contact's own is stored, also of one that was merged
    /// meanwhile. Without a row, as of an erased contact, nothing is written.
    pub(crate) async fn record_first_message(
        &self,
        organization: OrganizationId,
        id: ContactId,
    ) -> Result<()> {
        let now = self.clock.now();
        let change = |contact: &mut Contact| {
            contact.wrote_at.get_or_insert(now);
            contact.list_if_complete();
        };
        if self.change_contact(organization, id, change).await?.is_some() {
            return Ok(());
        }
        if let Some(target) = self.merge_target(organization, id).await? {
            self.change_contact(organization, target, change).await?;
        }
        Ok(())
    }

    /// The contact that a merged one is part of now.
    pub(crate) async fn merge_target(
        &self,
        organization: OrganizationId,
        source: ContactId,
    ) -> Result<Option<ContactId>> {
        let mut conn = self.db.reader("join.into").await?;
        Ok(merges::target_of(&mut conn, organization, source).await?)
    }
}
