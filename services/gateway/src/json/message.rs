//! Messages of a thread.

use onethread_core::Timestamp;
use onethread_proto::conversation::{self, AuthorKind, MessageKind};
use serde::Serialize;

use super::{some, time};
use crate::names::Authors;

/// One message.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    id: String,
    seq: i64,
    prev_seq: i64,
    author: Author,
    text: String,
    created_at: Option<Timestamp>,
    client_message_id: Option<String>,
    kind: &'static str,
}

#[derive(Debug, Serialize)]
struct Author {
    kind: &'static str,
    id: Option<String>,
    name: String,
}

impl Message {
    /// A message with its author's name.
    pub(crate) fn new(message: conversation::Message, authors: &Authors) -> Self {
        let name = authors.name(&message);
        let kind = kind(message.kind());
        let author = message.author.unwrap_or_default();
        Self {
            id: message.id,
            seq: message.seq,
            prev_seq: message.prev_seq,
            author: Author { kind: author_kind(author.kind()), id: some(author.id), name },
            text: message.text,
            created_at: time(message.created_at),
            client_message_id: message.client_message_id,
            kind,
        }
    }

    /// Several of them, in their order.
    pub(crate) fn list(messages: Vec<conversation::Message>, authors: &Authors) -> Vec<Self> {
        messages.into_iter().map(|message| Self::new(message, authors)).collect()
    }
}

/// A message where the reader sees many conversations.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageOfConversation {
    pub(crate) conversation_id: String,
    #[serde(flatten)]
    pub(crate) message: Message,
}

fn author_kind(kind: AuthorKind) -> &'static str {
    match kind {
        AuthorKind::Contact => "contact",
        AuthorKind::Agent => "agent",
        AuthorKind::System | AuthorKind::Unspecified => "system",
    }
}

fn kind(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Text | MessageKind::Unspecified => "text",
        MessageKind::Note => "note",
        MessageKind::Event => "event",
    }
}
