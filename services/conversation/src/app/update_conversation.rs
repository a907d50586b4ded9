//! Assigning, closing and reopening.

use onethread_core::{ConversationId, MessageId, OrganizationId, new_uuid};
use onethread_db::transaction;
use onethread_errors::{Error, Result};
use uuid::Uuid;

use super::App;
use crate::{
    domain::{ConversationUpdate, EventIds, Side, Summary},
    store::{conversations, effects, messages},
};

/// An update by an agent or a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpdateInput {
    pub(crate) conversation: ConversationId,
    pub(crate) update: ConversationUpdate,
    /// Agent or API key.
    pub(crate) actor: Uuid,
}

impl App {
    /// Updates a conversation and stores an event for each thing that changed. Returns the
    /// conversation as it is then.
    pub(crate) async fn update_conversation(
        &self,
        organization: OrganizationId,
        input: UpdateInput,
    ) -> Result<Summary> {
        let UpdateInput { conversation: id, update, actor } = input;
        let lock = self.locks.lock(id).await?;
        let now = self.clock.now();
        let ids: EventIds = [0; 2].map(|_| MessageId(new_uuid(now, &*self.entropy)));
        let effects = transaction!(self.db, "conversation.change", |tx| {
            let found = conversations::locked_by_id(tx, organization, id).await?;
            let mut conversation = found.ok_or_else(Error::not_found)?;
            let (events, effects) = conversation.update(update, actor, ids, now);
            if !events.is_empty() {
                for event in &events {
                    messages::insert(tx, organization, event).await?;
                }
                conversations::update_status(tx, organization, &conversation).await?;
                effects::record(tx, organization, &effects, now).await?;
            }
            Ok(effects)
        })?;
        self.publish(organization, effects);
        drop(lock);
        self.get_conversation(organization, id, Side::Agent).await
    }
}
