//! What identity wants to know, and telling it.

use onethread_core::{OrganizationId, Timestamp};
use onethread_errors::{Error, Result};
use onethread_grpc::timestamp;
use onethread_outbox::Entry;
use onethread_proto::identity::{
    ConversationClosed, MessageCreated, RecordFactRequest, record_fact_request::Fact as Wire,
};

use super::App;
use crate::{
    domain::Fact,
    store::{Told, What},
};

impl App {
    /// Remembers of what identity is to be told.
    pub(crate) async fn set_interest(
        &self,
        organization: OrganizationId,
        facts: &[Fact],
        version: i64,
    ) -> Result<()> {
        Ok(self.store.set_interest(organization, facts, version).await?)
    }
}

/// The call that tells of a fact.
pub(super) fn request(entry: &Entry) -> Result<RecordFactRequest> {
    let told: Told = serde_json::from_str(&entry.payload).map_err(Error::internal)?;
    let fact = match told.what {
        What::Message { seq, prev_seq, agent_id, client_message_id, text } => {
            Wire::MessageCreated(MessageCreated {
                seq,
                prev_seq,
                agent_id: agent_id.map(|id| id.to_string()),
                client_message_id: client_message_id.to_string(),
                text,
            })
        }
        What::Closed { last_seq, assignee_id, closed_by } => {
            Wire::ConversationClosed(ConversationClosed {
                last_seq,
                assignee_id: assignee_id.map(|id| id.to_string()),
                closed_by: closed_by.to_string(),
            })
        }
    };
    Ok(RecordFactRequest {
        organization_id: entry.organization_id.to_string(),
        id: entry.id.to_string(),
        conversation_id: told.conversation_id.to_string(),
        happened_at: Some(timestamp(Timestamp::from_micros(told.at))),
        fact: Some(fact),
    })
}
