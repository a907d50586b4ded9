//! Erasing a conversation.

use onethread_core::{ConversationId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::Result;

use super::{App, merge_conversations::lock_or_insert};
use crate::{
    domain::{Effects, HintKind},
    store::{conversations, effects, messages},
};

impl App {
    /// Erases a conversation for ever. False when it was erased or merged before.
    pub(crate) async fn erase_conversation(
        &self,
        organization: OrganizationId,
        id: ConversationId,
    ) -> Result<bool> {
        self.histories.remove(organization, id);
        let now = self.clock.now();
        let is_erased = transaction!(self.db, "conversation.erase", |tx| {
            if lock_or_insert(tx, organization, id, now).await?.is_none() {
                return Ok(false);
            }
            messages::delete_all(tx, organization, id).await?;
            effects::delete(tx, organization, id).await?;
            conversations::remove(tx, organization, id, None, now).await?;
            Ok(true)
        })?;
        if is_erased {
            self.db.truncate_log();
            let mut effects = Effects::default();
            effects.hint(id, HintKind::ConversationRemoved { was_listed: true });
            self.publish(organization, effects);
        }
        Ok(is_erased)
    }
}
