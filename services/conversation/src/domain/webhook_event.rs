//! Webhook events of conversations. Identity sends them; it says which ones it wants.

/// An event that identity may want to hear of. The numbers are bits in storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(crate) enum WebhookEvent {
    /// A text was stored.
    MessageCreated = 1,
    /// A conversation was closed.
    ConversationClosed = 2,
}

impl WebhookEvent {
    /// The bit in storage.
    pub(crate) fn bit(self) -> i64 {
        self as i64
    }

    /// The bits of several in storage.
    pub(crate) fn bits(events: &[Self]) -> i64 {
        events.iter().fold(0, |bits, event| bits | event.bit())
    }
}
