//! The agents' list of conversations.

use std::time::Duration;

use onethread_core::{ConversationId, OrganizationId, PageSize, PageToken, Timestamp};
use onethread_errors::{Error, Result};
use uuid::Uuid;

use super::App;
use crate::{
    domain::{Status, Summary},
    store::{AssigneeFilter, ListKey, ListQuery, list},
};

/// How long after the first page conversations with new activity keep their place. Later pages
/// leave them out: they are at the top of a new list.
const STABLE_ORDER_TIME: Duration = Duration::from_secs(10 * 60);

/// Which conversations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListInput {
    pub(crate) status: Option<Status>,
    pub(crate) assignee: AssigneeFilter,
    pub(crate) size: PageSize,
}

/// A page of the list.
#[derive(Debug)]
pub(crate) struct ListOutput {
    pub(crate) conversations: Vec<Summary>,
    /// Token of the next page; empty on the last one.
    pub(crate) next_page_token: String,
}

impl App {
    /// Conversations, latest activity first.
    pub(crate) async fn list_conversations(
        &self,
        organization: OrganizationId,
        input: ListInput,
        page_token: &str,
    ) -> Result<ListOutput> {
        let ListInput { status, assignee, size } = input;
        let (after, listed_at) = decode(page_token)?.unzip();
        let oldest = self.clock.now().micros() - micros(STABLE_ORDER_TIME);
        let since = listed_at.filter(|at| at.micros() >= oldest);
        let query = ListQuery { status, assignee, after, since, size };
        let mut conn = self.db.reader("conversation.list").await?;
        let page = list::page(&mut conn, organization, query).await?;
        let newest = page.summaries.first().map(|first| first.conversation.updated_at);
        let next = page.next.zip(listed_at.or(newest));
        let next_page_token = next.map(encode).unwrap_or_default();
        Ok(ListOutput { conversations: page.summaries, next_page_token })
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The key of the last row, and the time of the first page.
type ListToken = (ListKey, Timestamp);

fn encode(((at, id), listed_at): ListToken) -> String {
    PageToken::encode(&(at.micros(), id.0, listed_at.micros()))
}

fn decode(token: &str) -> Result<Option<ListToken>> {
    let invalid = || Error::invalid("page_token", "is not one that a list answered with");
    let key: Option<(i64, Uuid, i64)> = PageToken::decode(token).map_err(|_| invalid())?;
    let Some((at, id, listed_at)) = key else { return Ok(None) };
    let (at, listed_at) = (Timestamp::from_micros(at), Timestamp::from_micros(listed_at));
    // The token isn't signed, so its times may be ones that a database can't store.
    let is_storable = |time: Timestamp| time.micros() >= 0 && time.to_datetime().is_some();
    if !is_storable(at) || !is_storable(listed_at) {
        return Err(invalid());
    }
    Ok(Some(((at, ConversationId(id)), listed_at)))
}
