//! Conversations as agents see them.

use onethread_core::{ContactId, Timestamp, generated_name};
use onethread_proto::{
    conversation::{self, ConversationStatus, ReadMark, Side},
    identity,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Message, contact::Verified, time};
use crate::{names::Authors, openapi::Time};

/// A conversation in the agents' list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversation {
    #[schema(format = Uuid)]
    id: String,
    status: Status,
    #[schema(required, format = Uuid)]
    assignee_id: Option<String>,
    contact: ContactLine,
    #[schema(required)]
    last_message: Option<Message>,
    #[schema(minimum = 0)]
    last_seq: i64,
    /// Messages that no agent has read.
    #[schema(minimum = 0)]
    unread: i64,
    #[schema(required, value_type = Time)]
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
            ConversationStatus::Closed => Status::Closed,
            ConversationStatus::Open | ConversationStatus::Unspecified => Status::Open,
        };
        Self {
            id: conversation.id,
            status,
            assignee_id: conversation.assignee_id,
            contact,
            last_message: conversation.last_message.map(|message| Message::new(message, authors)),
            last_seq: conversation.last_seq,
            unread: conversation.unread_count,
            updated_at: time(conversation.updated_at),
        }
    }
}

/// A closed conversation as webhooks receive it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "identity writes the JSON; this describes it")]
pub(super) struct ClosedConversation {
    #[schema(format = Uuid)]
    id: String,
    status: Status,
    #[schema(required, format = Uuid)]
    assignee_id: Option<String>,
    contact: ContactLine,
    /// Number of the event that shows it to agents.
    #[schema(minimum = 1)]
    last_seq: i64,
    #[schema(value_type = Time)]
    updated_at: String,
    /// The agent or server that closed it.
    closed_by: super::message::Author,
}

/// Open, or closed until the next message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ConversationStatus)]
enum Status {
    Open,
    Closed,
}

/// The contact of a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContactLine {
    #[schema(value_type = String, format = Uuid)]
    pub(crate) id: ContactId,
    pub(crate) name: String,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    user_id: Option<String>,
    verified: Verified,
}

impl From<identity::Contact> for ContactLine {
    fn from(contact: identity::Contact) -> Self {
        let verified = contact.verification().into();
        let person = contact.person.unwrap_or_default();
        Self {
            id: contact_of(&person.id),
            name: person.name,
            email: person.email,
            user_id: person.user_id,
            verified,
        }
    }
}

impl ContactLine {
    /// A contact that identity doesn't know.
    pub(crate) fn unknown(id: ContactId) -> Self {
        let name = generated_name(id.0);
        Self { id, name, email: None, user_id: None, verified: Verified::None }
    }
}

/// The contact of a conversation of another service.
pub(crate) fn contact_of(conversation: &str) -> ContactId {
    ContactId(Uuid::parse_str(conversation).unwrap_or_default())
}

/// One side's read mark.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Read {
    side: ReaderSide,
    #[schema(minimum = 0)]
    seq: i64,
    /// Only in streams of many conversations.
    #[schema(format = Uuid, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
}

/// Whether one side is typing.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Typing {
    side: ReaderSide,
    typing: bool,
    /// Only in streams of many conversations.
    #[schema(format = Uuid, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<String>,
}

impl Typing {
    /// For a stream of this one conversation.
    pub(crate) fn of_one(typing: &conversation::Typing) -> Self {
        let side = typing.side().into();
        Self { side, typing: typing.typing, conversation_id: None }
    }

    /// For a stream of many conversations.
    pub(crate) fn of_many(typing: conversation::Typing) -> Self {
        Self { conversation_id: Some(typing.conversation_id.clone()), ..Self::of_one(&typing) }
    }
}

/// A side of a conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Side)]
enum ReaderSide {
    Contact,
    Agent,
}

impl From<Side> for ReaderSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Agent => Self::Agent,
            Side::Contact | Side::Unspecified => Self::Contact,
        }
    }
}

impl Read {
    /// For a stream of this one conversation.
    pub(crate) fn of_one(mark: &ReadMark) -> Self {
        Self { side: mark.side().into(), seq: mark.seq, conversation_id: None }
    }

    /// For a stream of many conversations.
    pub(crate) fn of_many(mark: ReadMark) -> Self {
        Self { conversation_id: Some(mark.conversation_id.clone()), ..Self::of_one(&mark) }
    }
}
