//! Telling identity what happened: that a contact wrote for the first time, and what webhooks want.

use onethread_errors::{Error, Result};
use onethread_grpc::Peer;
use onethread_outbox::{Deliver, Entry};
use onethread_proto::identity::{
    RecordFirstMessageRequest, contact_service_client::ContactServiceClient,
    webhook_service_client::WebhookServiceClient,
};

use super::facts;
use crate::store::{FACT, FIRST_MESSAGE, FirstMessage};

/// Carries the outbox to identity.
#[derive(Debug, Clone)]
pub(crate) struct ToIdentity(Peer);

impl ToIdentity {
    /// Over this connection.
    pub(crate) fn new(identity: Peer) -> Self {
        Self(identity)
    }

    async fn first_message(&self, entry: &Entry) -> Result<()> {
        let told: FirstMessage = serde_json::from_str(&entry.payload).map_err(Error::internal)?;
        let request = RecordFirstMessageRequest {
            organization_id: entry.organization_id.to_string(),
            contact_id: told.contact_id.to_string(),
        };
        ContactServiceClient::new(self.0.clone()).record_first_message(request).await?;
        Ok(())
    }

    async fn fact(&self, entry: &Entry) -> Result<()> {
        let request = facts::request(entry)?;
        WebhookServiceClient::new(self.0.clone()).record_fact(request).await?;
        Ok(())
    }
}

impl Deliver for ToIdentity {
    async fn deliver(&self, entry: &Entry) -> Result<()> {
        match entry.topic.as_str() {
            FIRST_MESSAGE => self.first_message(entry).await,
            FACT => self.fact(entry).await,
            topic => Err(Error::internal(format!("unknown topic {topic}"))),
        }
    }
}
