//! What is stored, in words of the use cases. Every method takes the organization first, a batch
//! of sends one with each; none waits for anything but the database.

mod batch;
mod ends;
mod events;
mod interests;
mod reads;
mod recent;
mod rows;
mod sql;
mod sql_ends;
mod sql_sends;
mod sql_store;
mod tails;
#[cfg(test)]
mod tests;
mod writes;

use std::sync::Arc;

use onethread_core::{AgentId, ConversationId, MessageId, OrganizationId, PageSize, Timestamp};
use uuid::Uuid;

use crate::domain::{
    Author, AuthorKind, Change, Conversation, Kind, Message, Status, Summary, Text,
};

#[cfg(test)]
pub(crate) use batch::tests::kept::Keeper;
pub(crate) use interests::{FACT, Told, What};
pub(crate) use recent::{NEWEST, Recent};
pub(crate) use rows::Head;
pub(crate) use sql_store::Store;

/// Topic of the outbox row that comes with a contact's first own message. Its payload is a
/// [`FirstMessage`] as JSON.
pub(crate) const FIRST_MESSAGE: &str = "first-message";

/// A contact wrote for the first time.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FirstMessage {
    /// Who.
    pub(crate) contact_id: Uuid,
}

/// A message to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    /// Its id, should it be stored.
    pub(crate) id: MessageId,
    pub(crate) organization: OrganizationId,
    pub(crate) conversation: ConversationId,
    pub(crate) author: Author,
    pub(crate) client_message_id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) text: Text,
    pub(crate) now: Timestamp,
    /// Id of the delivery that tells of it, should it be the contact's first.
    pub(crate) delivery: Uuid,
    /// Id of the event that tells that it reopened the conversation, should it.
    pub(crate) reopening: MessageId,
    /// True when an agent's message begins the conversation where there is none.
    pub(crate) begins: bool,
    /// The trace of the send, for the one who delivers that.
    pub(crate) trace: Arc<str>,
}

/// A change by an agent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewChange {
    pub(crate) conversation: ConversationId,
    pub(crate) change: Change,
    /// Agent or API key.
    pub(crate) actor: Uuid,
    pub(crate) now: Timestamp,
    /// Ids of the events, should there be so many.
    pub(crate) events: [MessageId; 2],
}

impl NewMessage {
    /// The message it becomes under a number.
    fn message(&self, seq: i64, prev_public_seq: i64) -> Message {
        Message {
            id: self.id,
            conversation: self.conversation,
            seq,
            prev_public_seq,
            author: self.author,
            client_message_id: Some(self.client_message_id),
            kind: self.kind,
            text: self.text.clone(),
            created_at: self.now,
        }
    }

    /// Goes to the conversation that its own one was folded into, from the contact of that one.
    fn follow(&mut self, into: ConversationId) {
        self.conversation = into;
        if self.author.kind == AuthorKind::Contact {
            self.author.id = into.0;
        }
    }
}

/// A thread to be appended to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewFold {
    /// The conversation that ends.
    pub(crate) source: ConversationId,
    /// The one that goes on.
    pub(crate) target: ConversationId,
    /// Id of the event that tells of it.
    pub(crate) join: Uuid,
    pub(crate) now: Timestamp,
}

/// What a fold came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folded {
    /// The conversation that has the messages; absent when it was erased.
    pub(crate) into: Option<ConversationId>,
    /// True when the source ended by this call.
    pub(crate) ended: bool,
    /// The last number there, where messages came in by this call.
    pub(crate) last_seq: Option<i64>,
}

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on disk.
    Stored {
        /// The message.
        message: Message,
        /// True when a delivery was written with it.
        told: bool,
        /// The number of the event that it reopened the conversation.
        reopened: Option<i64>,
    },
    /// The same author sent the same before.
    Repeated(Message),
    /// The same author used this id for something else.
    IdReused,
    /// There is no such conversation, and this author can't begin it.
    NoConversation,
    /// Somebody else keeps the conversation, a fold of a large one say: nothing was looked at.
    Kept,
}

impl Sent {
    /// The message, if this send stored it.
    pub(crate) fn fresh(&self) -> Option<&Message> {
        match self {
            Self::Stored { message, .. } => Some(message),
            _ => None,
        }
    }
}

/// Where a run of messages lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// Right after this number.
    After(i64),
    /// Right before this number.
    Before(i64),
    /// At the end.
    Newest,
}

/// A run of messages and where the conversation stood right after it was read.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) messages: Arc<[Message]>,
    pub(crate) conversation: Conversation,
}

/// A read mark after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marked {
    /// Where it stands.
    pub(crate) seq: i64,
    /// True when the call moved it.
    pub(crate) moved: bool,
}

/// The key that a page of conversations begins behind.
pub(crate) type ListKey = (Timestamp, ConversationId);

/// Whose conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assigned {
    /// All, assigned or not.
    Any,
    /// Those of nobody.
    ToNobody,
    /// Those of this agent.
    To(AgentId),
}

/// A page of a list.
#[derive(Debug)]
pub(crate) struct ListPage {
    pub(crate) summaries: Vec<Summary>,
    /// The key of the last row, when more follow.
    pub(crate) next: Option<ListKey>,
}

/// Which conversations a list holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListQuery {
    /// Only those in this state.
    pub(crate) status: Option<Status>,
    pub(crate) assigned: Assigned,
    /// Where the page begins; the newest when absent.
    pub(crate) behind: Option<ListKey>,
    /// When the walk through the list began: what got newer since stands where it stood. Absent
    /// on the first page, and when that was long ago.
    pub(crate) since: Option<Timestamp>,
    /// Rows at most.
    pub(crate) size: PageSize,
}
