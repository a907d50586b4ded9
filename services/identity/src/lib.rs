//! Identity: it owns organizations, applications, agents, contacts, devices, sessions, claims and
//! webhooks. It knows nothing of messages, and HTTP only to deliver to webhooks.

mod app;
mod contact;
mod domain;
mod grpc;
mod import;
mod keys_file;
mod organization;
mod process;
mod reset_password;
mod session;
mod store;
mod team;
#[cfg(test)]
mod testing;
mod webhook;

use std::sync::Arc;

use onethread_core::{Clock, Entropy};
use onethread_db::{Database, Migrations};
use onethread_errors::Result;
use onethread_grpc::{Listener, Peer, Server};
use onethread_lifecycle::Lifecycle;
use onethread_outbox::{Relay, Wake};
use onethread_proto::identity::{
    agent_service_server::{self, AgentServiceServer},
    api_key_service_server::{self, ApiKeyServiceServer},
    application_service_server::{self, ApplicationServiceServer},
    audit_service_server::{self, AuditServiceServer},
    blocked_address_service_server::{self, BlockedAddressServiceServer},
    contact_import_service_server::{self, ContactImportServiceServer},
    contact_service_server::{self, ContactServiceServer},
    conversation_fact_service_server::{self, ConversationFactServiceServer},
    identity_key_service_server::{self, IdentityKeyServiceServer},
    organization_service_server::{self, OrganizationServiceServer},
    session_service_server::{self, SessionServiceServer},
    visitor_service_server::{self, VisitorServiceServer},
    webhook_service_server::{self, WebhookServiceServer},
};
use tonic::service::Routes;

use crate::{
    contact::app::search_queue::SearchQueue,
    session::{
        app::revocations::{self, Feed},
        store::application_cache::ApplicationCache,
    },
    team::app::password_hasher::PasswordHasher,
    webhook::app::{client::WebhookClient, worker::DeliveryWorker},
};

pub use keys_file::{Keys, KeysError};
pub use organization::app::organizations::MadeOrganization;
pub use process::main;
pub use reset_password::reset_password_in;

/// Identity's tables.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "identity",
    sqlite: onethread_db::migrate!("./migrations/sqlite"),
    postgres: onethread_db::migrate!("./migrations/postgres"),
};

const SERVICES: &[&str] = &[
    session_service_server::SERVICE_NAME,
    visitor_service_server::SERVICE_NAME,
    contact_service_server::SERVICE_NAME,
    organization_service_server::SERVICE_NAME,
    identity_key_service_server::SERVICE_NAME,
    audit_service_server::SERVICE_NAME,
    application_service_server::SERVICE_NAME,
    agent_service_server::SERVICE_NAME,
    api_key_service_server::SERVICE_NAME,
    blocked_address_service_server::SERVICE_NAME,
    webhook_service_server::SERVICE_NAME,
    conversation_fact_service_server::SERVICE_NAME,
    contact_import_service_server::SERVICE_NAME,
];

/// What identity needs.
pub struct Deps {
    /// Its database, migrated.
    pub db: Database,
    /// The server's keys.
    pub keys: Keys,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Webhooks may have addresses of private networks.
    pub private_webhooks: bool,
}

/// Identity, ready to serve.
pub struct Service {
    app: Arc<app::App>,
    feed: Feed,
    server: Server,
    db: Database,
}

/// Builds identity.
pub fn build(deps: Deps) -> Service {
    let applications = ApplicationCache::default();
    let app = Arc::new(app::App {
        db: deps.db.clone(),
        applications,
        keys: Arc::new(deps.keys.0),
        clock: deps.clock,
        passwords: PasswordHasher::new(deps.entropy.clone()),
        entropy: deps.entropy,
        private_webhooks: deps.private_webhooks,
        searches: SearchQueue::default(),
        wake: Wake::default(),
        webhook_wake: Arc::default(),
    });
    let feed = Feed::new();
    let handlers = grpc::Handlers { app: app.clone(), feed: feed.clone() };
    let routes = Routes::new(SessionServiceServer::new(handlers.clone()))
        .add_service(VisitorServiceServer::new(handlers.clone()))
        .add_service(ContactServiceServer::new(handlers.clone()))
        .add_service(OrganizationServiceServer::new(handlers.clone()))
        .add_service(IdentityKeyServiceServer::new(handlers.clone()))
        .add_service(AuditServiceServer::new(handlers.clone()))
        .add_service(ApplicationServiceServer::new(handlers.clone()))
        .add_service(AgentServiceServer::new(handlers.clone()))
        .add_service(ApiKeyServiceServer::new(handlers.clone()))
        .add_service(BlockedAddressServiceServer::new(handlers.clone()))
        .add_service(WebhookServiceServer::new(handlers.clone()))
        .add_service(ConversationFactServiceServer::new(handlers.clone()))
        .add_service(ContactImportServiceServer::new(handlers));
    let server = Server::new(routes, SERVICES);
    Service { app, feed, server, db: deps.db }
}

impl Service {
    /// A connection for clients in this process.
    pub fn peer(&self) -> Peer {
        self.server.peer()
    }

    /// Creates the first organization when there is none. `keep` stores its secrets before the
    /// organization is stored.
    ///
    /// # Errors
    ///
    /// When the secrets or the organization could not be stored.
    pub async fn first_organization(
        &self,
        name: &str,
        keep: impl FnOnce(&MadeOrganization) -> std::io::Result<()>,
    ) -> Result<()> {
        self.app.first_organization(name, keep).await
    }

    /// Serves, and delivers the outbox to the conversation service, until the process stops.
    pub fn start(self, listener: Listener, conversation: Peer, life: &Lifecycle) {
        let (db, clock) = (self.db, self.app.clock.clone());
        life.spawn(app::clean_up::run_clean_up(db.clone(), clock.clone(), life.clone()));
        life.spawn(app::measure::run_measures(self.app.clone(), db.clone(), life.clone()));
        let relay = Relay {
            db: db.clone(),
            clock: clock.clone(),
            entropy: self.app.entropy.clone(),
            wake: self.app.wake.clone(),
            deliver: app::deliveries::ConversationClient::new(conversation),
        };
        life.spawn(relay.run(life.clone()));
        let worker = DeliveryWorker {
            db: db.clone(),
            keys: self.app.keys.clone(),
            clock: clock.clone(),
            entropy: self.app.entropy.clone(),
            client: WebhookClient::new(self.app.private_webhooks),
            wake: self.app.webhook_wake.clone(),
        };
        life.spawn(worker.run(life.clone()));
        life.spawn(revocations::run_feed(self.feed, db, clock, life.clone()));
        life.spawn(self.server.serve(listener, life.clone()));
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}
