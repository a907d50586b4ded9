//! Typing indicators.

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};

use super::App;
use crate::{domain::Side, store::heads};

impl App {
    /// Notifies the other side that this side started or stopped typing. Nothing is stored.
    pub(crate) async fn set_typing(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        is_typing: bool,
    ) -> Result<()> {
        let mut conn = self.db.reader("conversation.heads").await?;
        if heads::by_ids(&mut conn, organization, &[id]).await?.is_empty() {
            return Err(Error::not_found());
        }
        drop(conn);
        self.typing.set((organization, id, side), is_typing);
        Ok(())
    }
}
