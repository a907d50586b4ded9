//! What conversation is told, topic by topic.

use onethread_errors::{Error, Result};
use onethread_grpc::Peer;
use onethread_outbox::{Deliver, Entry};
use onethread_proto::conversation::conversation_service_client::ConversationServiceClient;

/// Carries identity's outbox to conversation.
#[derive(Debug, Clone)]
pub(crate) struct ToConversation(
    #[expect(dead_code, reason = "no topic is delivered yet")] ConversationServiceClient<Peer>,
);

impl ToConversation {
    /// Over this connection.
    pub(crate) fn new(conversation: Peer) -> Self {
        Self(ConversationServiceClient::new(conversation))
    }
}

impl Deliver for ToConversation {
    async fn deliver(&self, entry: &Entry) -> Result<()> {
        Err(Error::internal(format!("unknown topic {}", entry.topic)))
    }
}
