//! What happens in conversations that identity may want to be told of.

/// One kind of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// A text was stored.
    MessageCreated,
    /// A conversation was closed.
    ConversationClosed,
}

impl Fact {
    /// The bit in storage.
    pub(crate) fn bit(self) -> i64 {
        match self {
            Self::MessageCreated => 1,
            Self::ConversationClosed => 2,
        }
    }
}
