//! Messages of a conversation.

use onethread_core::Timestamp;
use onethread_proto::conversation::{self, AuthorKind, MessageKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::{some, time};
use crate::{names::Authors, openapi::Time};

/// One message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    #[schema(format = Uuid)]
    id: String,
    /// Its number in the conversation: 1, 2, 3 …
    #[schema(minimum = 1)]
    seq: i64,
    /// The number of the message before it that this reader can see; 0 for the first.
    #[schema(minimum = 0)]
    prev_seq: i64,
    author: Author,
    text: String,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
    /// The id that its sender chose.
    #[schema(required, format = Uuid)]
    client_message_id: Option<String>,
    kind: Kind,
}

/// Who wrote a message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Author {
    kind: AuthorSide,
    #[schema(required, format = Uuid)]
    id: Option<String>,
    name: String,
}

impl Message {
    /// A message with its author's name.
    pub(crate) fn new(message: conversation::Message, authors: &Authors) -> Self {
        let name = authors.name(&message);
        let kind = message.kind().into();
        let author = message.author.unwrap_or_default();
        Self {
            id: message.id,
            seq: message.seq,
            prev_seq: message.prev_seq,
            author: Author { kind: author.kind().into(), id: some(author.id), name },
            text: message.text,
            created_at: time(message.created_at),
            client_message_id: message.client_message_id,
            kind,
        }
    }

    /// Several messages, in their order.
    pub(crate) fn list(messages: Vec<conversation::Message>, authors: &Authors) -> Vec<Self> {
        messages.into_iter().map(|message| Self::new(message, authors)).collect()
    }
}

/// A message in a stream of many conversations.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageOfConversation {
    #[schema(format = Uuid)]
    pub(crate) conversation_id: String,
    #[serde(flatten)]
    pub(crate) message: Message,
}

/// The side of a message's author.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AuthorSide {
    Contact,
    Agent,
    System,
}

impl From<AuthorKind> for AuthorSide {
    fn from(kind: AuthorKind) -> Self {
        match kind {
            AuthorKind::Contact => Self::Contact,
            AuthorKind::Agent => Self::Agent,
            AuthorKind::System | AuthorKind::Unspecified => Self::System,
        }
    }
}

/// What a message is: a `note` only for agents, an `event` for what happened to the conversation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MessageKind)]
enum Kind {
    Text,
    Note,
    Event,
}

impl From<MessageKind> for Kind {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text | MessageKind::Unspecified => Self::Text,
            MessageKind::Note => Self::Note,
            MessageKind::Event => Self::Event,
        }
    }
}
