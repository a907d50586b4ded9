//! Reading one conversation.

use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::{Error, Result};

use super::App;
use crate::{
    domain::{Side, Summary},
    store::{conversations, messages},
};

impl App {
    /// A conversation with its last message, as a side sees it.
    pub(crate) async fn get_conversation(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
    ) -> Result<Summary> {
        let mut conn = self.db.reader("conversation.get").await?;
        let found = conversations::as_seen_by(&mut conn, organization, id, side).await?;
        let conversation = found.ok_or_else(Error::not_found)?;
        Ok(messages::with_last(&mut conn, organization, conversation, side).await?)
    }
}
