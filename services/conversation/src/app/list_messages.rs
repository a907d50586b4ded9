//! Reading a page of messages.

use std::sync::Arc;

use onethread_core::{ConversationId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Result as DbResult};
use onethread_errors::{Error, Result};

use super::{
    App,
    history_cache::{CachedHistory, HistoryKey},
};
use crate::{
    domain::{Conversation, ConversationState, Message, Side},
    store::{PagePosition, conversations, messages},
};

/// A page of messages, and the conversation as it was right after the page was read.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) messages: Arc<[Message]>,
    pub(crate) conversation: Conversation,
}

impl App {
    /// The messages that a side sees, ascending. Long ones make the page shorter. A contact without
    /// messages has an empty thread.
    ///
    /// # Errors
    ///
    /// `NotFound` for a thread that this side can't read any more: erased or merged.
    pub(crate) async fn list_messages(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        position: PagePosition,
        size: PageSize,
    ) -> Result<History> {
        let key = HistoryKey { organization, conversation: id, side, limit: size.rows() };
        let is_newest = position == PagePosition::Newest;
        let cached = is_newest.then(|| self.histories.get(&key)).flatten();
        let mut conn = self.db.reader("conversation.history").await?;
        if let Some(cached) = cached
            && let Some(history) = if_current(&mut conn, key, cached).await?
        {
            return Ok(history);
        }
        let history = read(&mut conn, organization, id, side, position, size).await?;
        let Some(history) = history else {
            let state = conversations::state(&mut conn, organization, id).await?;
            return empty(id, state, self.clock.now());
        };
        if is_newest && history.conversation.id == id {
            let last_seq = history.conversation.last_seq(side);
            // Another message may have been stored between the two statements.
            if history.messages.last().is_some_and(|last| last.seq == last_seq) {
                let messages = history.messages.clone();
                self.histories.insert(key, CachedHistory { last_seq, messages });
            }
        }
        Ok(history)
    }
}

/// The page of a conversation without messages. One that is active by now began after the page was
/// read.
fn empty(id: ConversationId, state: ConversationState, now: Timestamp) -> Result<History> {
    match state {
        ConversationState::Missing | ConversationState::Active => {
            Ok(History { messages: [].into(), conversation: Conversation::new(id, now) })
        }
        ConversationState::MergedInto(_) | ConversationState::Erased => Err(Error::not_found()),
    }
}

/// The cached messages, if they are still the newest ones.
async fn if_current(
    conn: &mut Connection,
    key: HistoryKey,
    cached: CachedHistory,
) -> DbResult<Option<History>> {
    let found = conversations::by_id(conn, key.organization, key.conversation).await?;
    let current = found.filter(|found| found.last_seq(key.side) == cached.last_seq);
    Ok(current.map(|conversation| History { messages: cached.messages, conversation }))
}

async fn read(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
    position: PagePosition,
    size: PageSize,
) -> DbResult<Option<History>> {
    // In this order, or the page could go beyond the last number that is returned with it.
    let mut page = messages::page(conn, organization, id, side, position, size).await?;
    let found = conversations::as_seen_by(conn, organization, id, side).await?;
    let Some(mut conversation) = found else { return Ok(None) };
    if conversation.id != id {
        let target = conversation.id;
        page = messages::page(conn, organization, target, side, position, size).await?;
        match conversations::by_id(conn, organization, target).await? {
            Some(found) => conversation = found,
            None => return Ok(None),
        }
    }
    Ok(Some(History { messages: page.messages.into(), conversation }))
}
