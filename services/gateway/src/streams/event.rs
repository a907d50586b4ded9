//! Events of conversations on their way to one subscriber.

use onethread_proto::conversation::{Conversation, Message, ReadMark, Typing};

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
            Self::Message(message) => message.text.len(),
            Self::Conversation(conversation) => {
                conversation.last_message.as_ref().map_or(0, |message| message.text.len())
            }
            Self::Read(_) | Self::Typing(_) | Self::Reload => 0,
        };
        text + EVENT_BYTES
    }
}
