//! Telling identity that a contact wrote for the first time.

use onethread_errors::{Error, Result};
use onethread_grpc::Peer;
use onethread_outbox::{Deliver, Entry};
use onethread_proto::identity::{
    RecordFirstMessageRequest, contact_service_client::ContactServiceClient,
};

use crate::store::{FIRST_MESSAGE, FirstMessage};

/// Carries the outbox to identity.
#[derive(Debug, Clone)]
pub(crate) struct ToIdentity(ContactServiceClient<Peer>);

impl ToIdentity {
    /// Over this connection.
    pub(crate) fn new(identity: Peer) -> Self {
        Self(ContactServiceClient::new(identity))
    }
}

impl Deliver for ToIdentity {
    async fn deliver(&self, entry: &Entry) -> Result<()> {
        if entry.topic != FIRST_MESSAGE {
            return Err(Error::internal(format!("unknown topic {}", entry.topic)));
        }
        let told: FirstMessage = serde_json::from_str(&entry.payload).map_err(Error::internal)?;
        let request = RecordFirstMessageRequest {
            organization_id: entry.organization_id.to_string(),
            contact_id: told.contact_id.to_string(),
        };
        self.0.clone().record_first_message(request).await?;
        Ok(())
    }
}
