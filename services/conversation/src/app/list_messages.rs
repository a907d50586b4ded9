//! Reading a run of messages.

use onethread_core::{ConversationId, OrganizationId, PageSize};
use onethread_errors::{Error, Result};

use super::App;
use crate::{
    domain::Side,
    store::{History, Position},
};

impl App {
    /// A run of messages that a side can see; fewer than asked for where they are very long.
    pub(crate) async fn list_messages(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        position: Position,
        size: PageSize,
    ) -> Result<History> {
        let history = self.store.history(organization, id, side, position, size).await?;
        history.ok_or_else(Error::not_found)
    }
}
