//! Messages of a conversation.

use onethread_core::Timestamp;
use onethread_proto::conversation::{self, AuthorKind, conversation_event, message::Body};
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
        let (kind, text) = content(message.body);
        let author = message.author.unwrap_or_default();
        Self {
            id: message.id,
            seq: message.seq,
            prev_seq: message.prev_seq,
            author: Author { kind: author.kind().into(), id: some(author.id), name },
            text,
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

/// The kind of a message and its text. The API has events in words.
fn content(body: Option<Body>) -> (Kind, String) {
    match body {
        Some(Body::Text(text)) => (Kind::Text, text),
        Some(Body::Note(text)) => (Kind::Note, text),
        Some(Body::Event(event)) => (Kind::Event, event_text(event.kind)),
        None => (Kind::Text, String::new()),
    }
}

fn event_text(event: Option<conversation_event::Kind>) -> String {
    use conversation_event::Kind;
    match event {
        Some(Kind::Closed(_)) => "closed".to_owned(),
        Some(Kind::Reopened(_)) => "reopened".to_owned(),
        Some(Kind::Assigned(assigned)) => format!("assigned to {}", assigned.assignee_id),
        Some(Kind::Unassigned(_)) => "unassigned".to_owned(),
        Some(Kind::Merged(_)) => "The messages of an earlier chat follow.".to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use onethread_proto::conversation::{
        AssignedEvent, ClosedEvent, ConversationEvent, MergedEvent, ReopenedEvent, UnassignedEvent,
    };

    use super::*;

    #[test]
    fn events_have_the_words_of_the_api() {
        use conversation_event::Kind as Event;
        for (event, text) in [
            (Event::Closed(ClosedEvent {}), "closed"),
            (Event::Reopened(ReopenedEvent {}), "reopened"),
            (Event::Assigned(AssignedEvent { assignee_id: "7".to_owned() }), "assigned to 7"),
            (Event::Unassigned(UnassignedEvent {}), "unassigned"),
            (
                Event::Merged(MergedEvent { source_conversation_id: "8".to_owned() }),
                "The messages of an earlier chat follow.",
            ),
        ] {
            let event = ConversationEvent { kind: Some(event) };
            let (kind, words) = content(Some(Body::Event(event)));
            assert!(matches!(kind, Kind::Event));
            assert_eq!(words, text);
        }
    }
}
