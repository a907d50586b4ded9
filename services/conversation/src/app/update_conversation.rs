//! Assigning, closing and reopening.

use onethread_core::{ConversationId, MessageId, OrganizationId, new_uuid};
use onethread_errors::{Error, Result};
use tracing::Instrument;
use uuid::Uuid;

use super::App;
use crate::{
    domain::{self, Side, Summary},
    live::{Change, Hint},
    store::NewChange,
};

/// What an agent or a server wants changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    pub(crate) conversation: ConversationId,
    pub(crate) change: domain::Change,
    /// Agent or API key.
    pub(crate) actor: Uuid,
}

impl App {
    /// Changes a conversation and tells the readers. Answers it as it is then.
    pub(crate) async fn update_conversation(
        &self,
        organization: OrganizationId,
        update: Update,
    ) -> Result<Summary> {
        let turn = self.turns.wait(update.conversation).await?;
        let app = self.clone();
        let change = async move {
            let changed = app.change_and_tell(organization, update).await;
            drop(turn);
            changed
        };
        // A caller who goes away must not keep a stored change from being told.
        tokio::spawn(change.in_current_span()).await.map_err(Error::internal)??;
        self.conversation(organization, update.conversation, Side::Agent).await
    }

    async fn change_and_tell(&self, organization: OrganizationId, update: Update) -> Result<()> {
        let now = self.clock.now();
        let Update { conversation, change, actor } = update;
        let events = [0; 2].map(|_| MessageId(new_uuid(now, &*self.entropy)));
        let new = NewChange { conversation, change, actor, now, events };
        let stored = self.store.change(organization, new).await?;
        // A closed conversation may be told of.
        self.wake.wake();
        for seq in stored.ok_or_else(Error::not_found)? {
            self.live.tell(Hint::new(organization, conversation, Change::Stored { seq }));
        }
        Ok(())
    }
}
