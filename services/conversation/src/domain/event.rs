//! Things that happened to a conversation, which are stored as messages. Their texts are the form in
//! which the database keeps them: the contract has them as [`ConversationEvent`]s.

use onethread_core::{AgentId, ConversationId, MessageId, Timestamp};
use uuid::Uuid;

use super::{Author, Message, MessageKind, Text};

const CLOSED: &str = "closed";
const REOPENED: &str = "reopened";
const UNASSIGNED: &str = "unassigned";
/// The agent's id follows.
const ASSIGNED: &str = "assigned to ";
/// The author's id is the source.
const MERGED: &str = "The messages of an earlier chat follow.";

/// Something that happened to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConversationEvent {
    Closed,
    Reopened,
    Assigned(AgentId),
    Unassigned,
    /// The messages of this conversation follow.
    Merged(ConversationId),
}

impl ConversationEvent {
    /// The text that is stored.
    pub(crate) fn text(self) -> Text {
        Text::stored(match self {
            Self::Closed => CLOSED.to_owned(),
            Self::Reopened => REOPENED.to_owned(),
            Self::Assigned(agent) => format!("{ASSIGNED}{agent}"),
            Self::Unassigned => UNASSIGNED.to_owned(),
            Self::Merged(_) => MERGED.to_owned(),
        })
    }

    /// The event of a stored message. `None` for a text that this version doesn't know.
    pub(crate) fn parse(text: &Text, author: Author) -> Option<Self> {
        match text.as_str() {
            CLOSED => Some(Self::Closed),
            REOPENED => Some(Self::Reopened),
            UNASSIGNED => Some(Self::Unassigned),
            MERGED => Some(Self::Merged(ConversationId(author.id))),
            text => text.strip_prefix(ASSIGNED)?.parse().ok().map(Self::Assigned),
        }
    }

    /// The message that records it, which only agents see.
    pub(crate) fn message(
        self,
        conversation: ConversationId,
        id: MessageId,
        (seq, prev_public_seq): (i64, i64),
        cause: Uuid,
        now: Timestamp,
    ) -> Message {
        Message {
            id,
            conversation,
            seq,
            prev_public_seq,
            author: Author::system(cause),
            client_message_id: None,
            kind: MessageKind::Event,
            text: self.text(),
            created_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_after_it_was_stored() {
        let (id, source) = (Uuid::from_u128(7), ConversationId(Uuid::from_u128(8)));
        for (event, text) in [
            (ConversationEvent::Closed, "closed"),
            (ConversationEvent::Reopened, "reopened"),
            (
                ConversationEvent::Assigned(AgentId(id)),
                "assigned to 00000000-0000-0000-0000-000000000007",
            ),
            (ConversationEvent::Unassigned, "unassigned"),
            (ConversationEvent::Merged(source), "The messages of an earlier chat follow."),
        ] {
            assert_eq!(event.text().as_str(), text);
            let author = Author::system(source.0);
            assert_eq!(ConversationEvent::parse(&event.text(), author), Some(event));
        }
        for unknown in ["", "archived", "assigned to nobody"] {
            let text = Text::stored(unknown.to_owned());
            assert_eq!(ConversationEvent::parse(&text, Author::system(id)), None);
        }
    }
}
