//! Calls to identity: the deliveries of the outbox.

use onethread_core::Timestamp;
use onethread_errors::{Error, Result};
use onethread_grpc::{Peer, timestamp};
use onethread_outbox::{Deliver, Entry};
use onethread_proto::identity::{
    ConversationClosed, MessageCreated, RecordFactRequest, RecordFirstMessageRequest,
    conversation_fact_service_client::ConversationFactServiceClient, record_fact_request::Fact,
};

use crate::store::effects::{
    EVENT, EventDetails, EventPayload, FIRST_MESSAGE, FirstMessagePayload,
};

/// Delivers the outbox to identity.
#[derive(Debug, Clone)]
pub(crate) struct IdentityClient(Peer);

impl IdentityClient {
    pub(crate) fn new(identity: Peer) -> Self {
        Self(identity)
    }

    fn facts(&self) -> ConversationFactServiceClient<Peer> {
        ConversationFactServiceClient::new(self.0.clone())
    }

    async fn record_first_message(&self, entry: &Entry) -> Result<()> {
        let payload: FirstMessagePayload =
            serde_json::from_str(&entry.payload).map_err(Error::internal)?;
        let request = RecordFirstMessageRequest {
            organization_id: entry.organization_id.to_string(),
            contact_id: payload.contact_id.to_string(),
        };
        self.facts().record_first_message(request).await?;
        Ok(())
    }

    async fn record_event(&self, entry: &Entry) -> Result<()> {
        let request = record_event_request(entry)?;
        self.facts().record_fact(request).await?;
        Ok(())
    }
}

impl Deliver for IdentityClient {
    async fn deliver(&self, entry: &Entry) -> Result<()> {
        match entry.topic.as_str() {
            FIRST_MESSAGE => self.record_first_message(entry).await,
            EVENT => self.record_event(entry).await,
            topic => Err(Error::internal(format!("unknown topic {topic}"))),
        }
    }
}

fn record_event_request(entry: &Entry) -> Result<RecordFactRequest> {
    let payload: EventPayload = serde_json::from_str(&entry.payload).map_err(Error::internal)?;
    let fact = match payload.event {
        EventDetails::Message { seq, prev_seq, agent_id, client_message_id, text } => {
            Fact::MessageCreated(MessageCreated {
                seq,
                prev_seq,
                agent_id: agent_id.map(|id| id.to_string()),
                client_message_id: client_message_id.to_string(),
                text,
            })
        }
        EventDetails::Closed { last_seq, assignee_id, closed_by } => {
            Fact::ConversationClosed(ConversationClosed {
                last_seq,
                assignee_id: assignee_id.map(|id| id.to_string()),
                closed_by: closed_by.to_string(),
            })
        }
    };
    Ok(RecordFactRequest {
        organization_id: entry.organization_id.to_string(),
        id: entry.id.to_string(),
        conversation_id: payload.conversation_id.to_string(),
        happened_at: Some(timestamp(Timestamp::from_micros(payload.at))),
        fact: Some(fact),
    })
}
