//! What every call of the gateway has at hand: clients, limits, live streams. Holds nothing that
//! a restart may not lose.

use std::{fmt, sync::Arc};

use onethread_core::{Clock, Entropy};
use onethread_grpc::Peer;
use onethread_lifecycle::Lifecycle;
use onethread_proto::{
    contactimport::import_service_client::ImportServiceClient,
    conversation::{
        conversation_service_client::ConversationServiceClient,
        stream_service_client::StreamServiceClient,
    },
    identity::{
        agent_service_client::AgentServiceClient, api_key_service_client::ApiKeyServiceClient,
        application_service_client::ApplicationServiceClient,
        blocked_address_service_client::BlockedAddressServiceClient,
        contact_service_client::ContactServiceClient,
        organization_service_client::OrganizationServiceClient,
        session_service_client::SessionServiceClient, webhook_service_client::WebhookServiceClient,
    },
};
use tokio::sync::Semaphore;

use crate::{
    Config, Deps,
    limits::Limits,
    names::Names,
    streams::{Hub, Imports, Revocations},
    trust::Trust,
};

/// A page of 200 messages of 20,000 four-byte characters each.
const LONGEST_THREAD_PAGE: usize = 24 * 1024 * 1024;

/// A page of rejected rows whose records are as long as records may be.
const LONGEST_ROWS_PAGE: usize = 64 * 1024 * 1024;

/// Calls that confirm sessions of open streams, at once.
const CONFIRMATIONS: usize = 64;

/// The state of the router.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) limits: Limits,
    pub(crate) names: Names,
    pub(crate) hub: Hub,
    pub(crate) revocations: Revocations,
    pub(crate) trust: Trust,
    pub(crate) import_progress: Imports,
    /// Streams confirmed at once: when all come into doubt, identity isn't run over.
    pub(crate) confirmations: Semaphore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) life: Lifecycle,
    identity: Peer,
    conversation: Peer,
    contact_import: Peer,
}

impl App {
    pub(crate) fn new(config: Config, deps: Deps, life: Lifecycle) -> Self {
        Self {
            limits: Limits::new(&config.rate_limits),
            names: Names::default(),
            hub: Hub::default(),
            revocations: Revocations::default(),
            trust: Trust::default(),
            import_progress: Imports::default(),
            confirmations: Semaphore::new(CONFIRMATIONS),
            clock: deps.clock,
            entropy: deps.entropy,
            life,
            identity: deps.identity,
            conversation: deps.conversation,
            contact_import: deps.contact_import,
            config,
        }
    }

    /// A person changed: what is known of their name and sessions is asked for anew.
    pub(crate) fn forget_person(&self, organization: &str, contact: &str) {
        self.names.forget(organization, contact);
        self.revocations.forget(organization, [contact]);
    }

    /// The same of an agent.
    pub(crate) fn forget_agent(&self, organization: &str, agent: &str) {
        self.names.forget_agent(organization, agent);
        self.revocations.forget(organization, [agent]);
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Peer> {
        SessionServiceClient::new(self.identity.clone())
    }

    pub(crate) fn contacts(&self) -> ContactServiceClient<Peer> {
        ContactServiceClient::new(self.identity.clone())
    }

    pub(crate) fn organizations(&self) -> OrganizationServiceClient<Peer> {
        OrganizationServiceClient::new(self.identity.clone())
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
            .max_decoding_message_size(LONGEST_THREAD_PAGE)
    }

    pub(crate) fn streams(&self) -> StreamServiceClient<Peer> {
        StreamServiceClient::new(self.conversation.clone())
    }

    pub(crate) fn imports(&self) -> ImportServiceClient<Peer> {
        ImportServiceClient::new(self.contact_import.clone())
            .max_decoding_message_size(LONGEST_ROWS_PAGE)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
