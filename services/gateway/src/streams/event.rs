//! Events of conversations on their way to one subscriber.

use onethread_proto::conversation::{Conversation, Message, ReadMark, Typing, message::Body};

use super::queue::Weigh;

/// Bytes of an event without its text, roughly.
const EVENT_BYTES: usize = 512;

/// What happened, for one subscriber.
#[derive(Debug)]
pub(super) enum Event {
    // Boxed, so that an empty queue is small.
    Message(Box<Message>),
    Read(ReadMark),
    Conversation(Box<Conversation>),
    Typing(Typing),
    /// Something may have been missed: the client has to fetch again.
    Reload,
}

impl Weigh for Event {
    fn weight(&self) -> usize {
        let text = match self {
            Self::Message(message) => text_bytes(message),
            Self::Conversation(conversation) => {
                conversation.last_message.as_ref().map_or(0, text_bytes)
            }
            Self::Read(_) | Self::Typing(_) | Self::Reload => 0,
        };
        text + EVENT_BYTES
    }
}

fn text_bytes(message: &Message) -> usize {
    match &message.body {
        Some(Body::Text(text) | Body::Note(text)) => text.len(),
        Some(Body::Event(_)) | None => 0,
    }
}
