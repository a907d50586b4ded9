//! Conversations as agents see them.

use onethread_core::{Timestamp, generated_name};
use onethread_proto::{
    conversation::{self, ConversationStatus, ReadMark, Side},
    identity,
};
use serde::Serialize;
use uuid::Uuid;

use super::{Message, contact::verified, time};
use crate::names::Authors;

/// One conversation of the agents' list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversation {
    id: String,
    status: &'static str,
    assignee_id: Option<String>,
    contact: ContactLine,
    last_message: Option<Message>,
    last_seq: i64,
    unread: i64,
    updated_at: Option<Timestamp>,
}

impl Conversation {
    /// A conversation with the names in it.
    pub(crate) fn new(
        conversation: conversation::Conversation,
        contact: ContactLine,
        authors: &Authors,
    ) -> Self {
        let status = match conversation.status() {
            ConversationStatus::Closed => "closed",
            ConversationStatus::Open | ConversationStatus::Unspecified => "open",
        };
        Self {
            id: conversation.id,
            status,
            assignee_id: conversation.assignee_id,
            contact,
            last_message: conversation.last_message.map(|message| Message::new(message, authors)),
            last_seq: conversation.last_seq,
            unread: conversation.unread,
            updated_at: time(conversation.updated_at),
        }
    }
}

/// Whose conversation it is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContactLine {
    pub(crate) id: String,
    pub(crate) name: String,
    email: Option<String>,
    user_id: Option<String>,
    verified: &'static str,
}

impl From<identity::Contact> for ContactLine {
    fn from(contact: identity::Contact) -> Self {
        let verified = verified(contact.verification());
        let person = contact.person.unwrap_or_default();
        Self {
            id: person.id,
            name: person.name,
            email: person.email,
            user_id: person.user_id,
            verified,
        }
    }
}

impl ContactLine {
    /// Somebody of whom identity knows no more than the id.
    pub(crate) fn unknown(id: &str) -> Self {
        let name = generated_name(Uuid::parse_str(id).unwrap_or_default());
        Self { id: id.to_owned(), name, email: None, user_id: None, verified: "none" }
    }
}

/// A side read on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Read {
    side: &'static str,
    seq: i64,
    /// Where the reader sees many conversations.
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
}

impl Read {
    /// For a reader of this one conversation.
    pub(crate) fn of_one(mark: &ReadMark) -> Self {
        let side = if mark.side() == Side::Agent { "agent" } else { "contact" };
        Self { side, seq: mark.seq, conversation_id: None }
    }

    /// For a reader of many.
    pub(crate) fn of_many(mark: ReadMark) -> Self {
        Self { conversation_id: Some(mark.conversation_id.clone()), ..Self::of_one(&mark) }
    }
}
