//! The agents' list of conversations.

use onethread_core::{ConversationId, OrganizationId, PageSize, PageToken, Timestamp};
use onethread_errors::{Error, Result};
use uuid::Uuid;

use super::App;
use crate::{
    domain::{Status, Summary},
    store::{ListKey, ListQuery},
};

/// A page of the list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) conversations: Vec<Summary>,
    /// Where to go on; empty on the last page.
    pub(crate) next_page_token: String,
}

impl App {
    /// Conversations, newest activity first.
    pub(crate) async fn list_conversations(
        &self,
        organization: OrganizationId,
        status: Option<Status>,
        size: PageSize,
        page_token: &str,
    ) -> Result<Listed> {
        let behind = decode(page_token)?;
        let query = ListQuery { status, behind, size };
        let (conversations, more) = self.store.list(organization, query).await?;
        let last = conversations.last().filter(|_| more);
        let next_page_token = last.map(|last| encode(&last.conversation)).unwrap_or_default();
        Ok(Listed { conversations, next_page_token })
    }
}

fn encode(last: &crate::domain::Conversation) -> String {
    PageToken::encode(&(last.updated_at.micros(), last.id.0))
}

fn decode(token: &str) -> Result<Option<ListKey>> {
    let bad = || Error::invalid("/cursor", "is not one that a list answered with");
    let key: Option<(i64, Uuid)> = PageToken::decode(token).map_err(|_| bad())?;
    let Some((micros, id)) = key else { return Ok(None) };
    let at = Timestamp::from_micros(micros);
    // A made-up time has to be one that a database can hold.
    at.to_datetime().filter(|_| micros >= 0).ok_or_else(bad)?;
    Ok(Some((at, ConversationId(id))))
}
