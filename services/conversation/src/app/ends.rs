//! The end of a conversation: folded into another, or erased.

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::Result;
use uuid::Uuid;

use super::App;
use crate::{
    live::{Change, Hint},
    store::NewFold,
};

impl App {
    /// Appends a thread to another and tells the readers of both. Answers which one has the
    /// messages, unless that one was erased.
    pub(crate) async fn fold(
        &self,
        organization: OrganizationId,
        source: ConversationId,
        target: ConversationId,
        join: Uuid,
    ) -> Result<Option<ConversationId>> {
        let new = NewFold { source, target, join, now: self.clock.now() };
        let folded = self.store.fold(organization, new).await?;
        if folded.ended {
            let listed = folded.last_seq.is_some();
            self.live.tell(Hint::new(organization, source, Change::Ended { listed }));
        }
        if let Some((into, seq)) = folded.into.zip(folded.last_seq) {
            self.live.tell(Hint::new(organization, into, Change::Stored { seq }));
        }
        Ok(folded.into)
    }

    /// Forgets a thread and tells those who read it.
    pub(crate) async fn erase(
        &self,
        organization: OrganizationId,
        id: ConversationId,
    ) -> Result<()> {
        if self.store.erase(organization, id, self.clock.now()).await? {
            self.live.tell(Hint::new(organization, id, Change::Ended { listed: true }));
        }
        Ok(())
    }
}
