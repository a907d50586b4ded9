//! Events of conversations on their way to one subscriber.

use onethread_core::OrganizationId;
use onethread_proto::conversation::{Conversation, Message, ReadMark, Typing, message::Body};
use onethread_telemetry::{attributes, spans};
use tracing::Span;

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

/// An event on its way.
#[derive(Debug)]
pub(super) struct QueuedEvent {
    pub(super) event: Event,
    /// The trace of its delivery; empty without one.
    pub(super) traceparent: Box<str>,
}

impl QueuedEvent {
    /// The span of the delivery of these events to a stream of this kind: in the trace of the first of
    /// them, and linked to those of the others and to the stream.
    pub(super) fn span<'e>(
        events: impl IntoIterator<Item = &'e Self>,
        kind: &'static str,
        organization: OrganizationId,
    ) -> Span {
        let traces = events.into_iter().map(|queued| &*queued.traceparent);
        let mut traces = traces.filter(|trace| !trace.is_empty());
        let Some(first) = traces.next().filter(|_| spans::are_exported()) else {
            return Span::none();
        };
        let span = spans::consumer("stream", "deliver", "message");
        onethread_telemetry::set_parent_from_traceparent(&span, first);
        spans::show_trace_id(&span);
        spans::set(&span, attributes::STREAM_KIND, kind);
        spans::set_organization(&span, organization);
        let mut earlier = first;
        let mut count = 1_i64;
        for other in traces {
            count += 1;
            if other != earlier {
                onethread_telemetry::link_traceparent(&span, other);
            }
            earlier = other;
        }
        spans::set(&span, attributes::MESSAGING_BATCH_MESSAGE_COUNT, count);
        onethread_telemetry::link_span(&span, &Span::current());
        span
    }
}

impl Weigh for QueuedEvent {
    fn weight(&self) -> usize {
        self.event.weight()
    }
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
