//! What conversation is told, topic by topic.

use onethread_errors::{Error, Result};
use onethread_grpc::Peer;
use onethread_outbox::{Deliver, Entry};
use onethread_proto::conversation::{
    EraseConversationRequest, conversation_service_client::ConversationServiceClient,
};

use crate::store::ERASED;

/// Carries identity's outbox to conversation.
#[derive(Debug, Clone)]
pub(crate) struct ToConversation(ConversationServiceClient<Peer>);

impl ToConversation {
    /// Over this connection.
    pub(crate) fn new(conversation: Peer) -> Self {
        Self(ConversationServiceClient::new(conversation))
    }
}

impl Deliver for ToConversation {
    async fn deliver(&self, entry: &Entry) -> Result<()> {
        if entry.topic != ERASED {
            return Err(Error::internal(format!("unknown topic {}", entry.topic)));
        }
        let request = EraseConversationRequest {
            organization_id: entry.organization_id.to_string(),
            conversation_id: entry.payload.clone(),
        };
        self.0.clone().erase_conversation(request).await?;
        Ok(())
    }
}
