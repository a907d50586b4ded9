//! Deliveries of the outbox to the conversation service, topic by topic.

use onethread_errors::{Error, Result};
use onethread_grpc::Peer;
use onethread_outbox::{Deliver, Entry};
use onethread_proto::conversation::{
    DeleteConversationRequest, Fact, MergeConversationsRequest, SetInterestRequest,
    conversation_sync_service_client::ConversationSyncServiceClient,
};

use crate::{
    store::effects::{ERASED, INTEREST, InterestPayload, MERGED, MergePayload},
    webhook::domain::event::Event,
};

/// Delivers identity's outbox to the conversation service.
#[derive(Debug, Clone)]
pub(crate) struct ConversationClient(ConversationSyncServiceClient<Peer>);

impl ConversationClient {
    /// A client over this connection.
    pub(crate) fn new(conversation: Peer) -> Self {
        Self(ConversationSyncServiceClient::new(conversation))
    }

    async fn erased(&self, entry: &Entry) -> Result<()> {
        let request = DeleteConversationRequest {
            organization_id: entry.organization_id.to_string(),
            conversation_id: entry.payload.clone(),
        };
        self.0.clone().delete_conversation(request).await?;
        Ok(())
    }

    async fn interest(&self, entry: &Entry) -> Result<()> {
        let interest: InterestPayload =
            serde_json::from_str(&entry.payload).map_err(Error::internal)?;
        let fact = |event: Event| match event {
            Event::MessageCreated => Some(Fact::MessageCreated.into()),
            Event::ConversationClosed => Some(Fact::ConversationClosed.into()),
            Event::Created | Event::Updated | Event::Merged => None,
        };
        let request = SetInterestRequest {
            organization_id: entry.organization_id.to_string(),
            facts: Event::from_bits(interest.events).into_iter().filter_map(fact).collect(),
            version: interest.version,
        };
        self.0.clone().set_interest(request).await?;
        Ok(())
    }

    async fn merged(&self, entry: &Entry) -> Result<()> {
        let merge: MergePayload = serde_json::from_str(&entry.payload).map_err(Error::internal)?;
        let request = MergeConversationsRequest {
            organization_id: entry.organization_id.to_string(),
            source_conversation_id: merge.source_id.to_string(),
            target_conversation_id: merge.target_id.to_string(),
            merge_id: entry.id.to_string(),
        };
        self.0.clone().merge_conversations(request).await?;
        Ok(())
    }
}

impl Deliver for ConversationClient {
    async fn deliver(&self, entry: &Entry) -> Result<()> {
        match entry.topic.as_str() {
            ERASED => self.erased(entry).await,
            INTEREST => self.interest(entry).await,
            MERGED => self.merged(entry).await,
            topic => Err(Error::internal(format!("unknown topic {topic}"))),
        }
    }
}
