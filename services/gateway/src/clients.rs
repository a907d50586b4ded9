//! The generated clients of the other services.

use std::str::FromStr;

use onethread_errors::{Error, Result};
use onethread_grpc::Peer;
use onethread_proto::{
    contactimport::import_service_client::ImportServiceClient,
    conversation::{
        conversation_service_client::ConversationServiceClient,
        stream_service_client::StreamServiceClient,
    },
    identity::{
        agent_service_client::AgentServiceClient, api_key_service_client::ApiKeyServiceClient,
        application_service_client::ApplicationServiceClient,
        audit_service_client::AuditServiceClient,
        blocked_address_service_client::BlockedAddressServiceClient,
        contact_service_client::ContactServiceClient,
        identity_key_service_client::IdentityKeyServiceClient,
        organization_service_client::OrganizationServiceClient,
        session_service_client::SessionServiceClient, visitor_service_client::VisitorServiceClient,
        webhook_service_client::WebhookServiceClient,
    },
};

/// Bytes of the longest page of messages: 200 of 20,000 four-byte characters each.
const MAX_MESSAGES_PAGE_BYTES: usize = 24 * 1024 * 1024;

/// Bytes of the longest page of rejected rows, each as long as a record may be.
const MAX_REJECTED_ROWS_PAGE_BYTES: usize = 64 * 1024 * 1024;

/// Where the other services are.
pub(crate) struct Clients {
    pub(crate) identity: Peer,
    pub(crate) conversation: Peer,
    pub(crate) contact_import: Peer,
}

impl Clients {
    pub(crate) fn sessions(&self) -> SessionServiceClient<Peer> {
        SessionServiceClient::new(self.identity.clone())
    }

    pub(crate) fn visitors(&self) -> VisitorServiceClient<Peer> {
        VisitorServiceClient::new(self.identity.clone())
    }

    pub(crate) fn contacts(&self) -> ContactServiceClient<Peer> {
        ContactServiceClient::new(self.identity.clone())
    }

    pub(crate) fn organizations(&self) -> OrganizationServiceClient<Peer> {
        OrganizationServiceClient::new(self.identity.clone())
    }

    pub(crate) fn identity_keys(&self) -> IdentityKeyServiceClient<Peer> {
        IdentityKeyServiceClient::new(self.identity.clone())
    }

    pub(crate) fn audit(&self) -> AuditServiceClient<Peer> {
        AuditServiceClient::new(self.identity.clone())
    }

    pub(crate) fn agents(&self) -> AgentServiceClient<Peer> {
        AgentServiceClient::new(self.identity.clone())
    }

    pub(crate) fn api_keys(&self) -> ApiKeyServiceClient<Peer> {
        ApiKeyServiceClient::new(self.identity.clone())
    }

    pub(crate) fn applications(&self) -> ApplicationServiceClient<Peer> {
        ApplicationServiceClient::new(self.identity.clone())
    }

    pub(crate) fn blocked_addresses(&self) -> BlockedAddressServiceClient<Peer> {
        BlockedAddressServiceClient::new(self.identity.clone())
    }

    pub(crate) fn webhooks(&self) -> WebhookServiceClient<Peer> {
        WebhookServiceClient::new(self.identity.clone())
    }

    pub(crate) fn conversations(&self) -> ConversationServiceClient<Peer> {
        ConversationServiceClient::new(self.conversation.clone())
            .max_decoding_message_size(MAX_MESSAGES_PAGE_BYTES)
    }

    pub(crate) fn streams(&self) -> StreamServiceClient<Peer> {
        StreamServiceClient::new(self.conversation.clone())
    }

    pub(crate) fn imports(&self) -> ImportServiceClient<Peer> {
        ImportServiceClient::new(self.contact_import.clone())
            .max_decoding_message_size(MAX_REJECTED_ROWS_PAGE_BYTES)
    }
}

/// An id in an answer of a service.
///
/// # Errors
///
/// `Internal` for a text that isn't an id.
pub(crate) fn answered_id<T>(text: &str) -> Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse().map_err(Error::internal)
}
