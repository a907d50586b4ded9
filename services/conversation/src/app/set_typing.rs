//! Telling the other side that somebody types.

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};

use super::App;
use crate::domain::Side;

impl App {
    /// Tells the other side of a conversation. Nothing is stored.
    pub(crate) async fn set_typing(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        typing: bool,
    ) -> Result<()> {
        if self.store.heads(organization, &[id]).await?.is_empty() {
            return Err(Error::not_found());
        }
        self.typing.set((organization, id, side), typing);
        Ok(())
    }
}
