//! Identity: who somebody is. It owns organizations, applications, agents, contacts, devices,
//! sessions, claims and webhooks, and knows nothing of messages, nor of HTTP but to deliver to
//! webhooks.

mod app;
mod domain;
mod grpc;
mod keys_file;
mod organization;
mod reset_password;
mod store;
mod team;

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
    blocked_address_service_server::{self, BlockedAddressServiceServer},
    contact_service_server::{self, ContactServiceServer},
    organization_service_server::{self, OrganizationServiceServer},
    session_service_server::{self, SessionServiceServer},
    webhook_service_server::{self, WebhookServiceServer},
};
use tonic::service::Routes;

pub use keys_file::{Keys, KeysError};
pub use organization::app::MadeOrganization;
pub use reset_password::reset_password_in;

/// Identity's tables.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "identity",
    sqlite: sqlx::migrate!("./migrations/sqlite"),
    postgres: sqlx::migrate!("./migrations/postgres"),
};

const SERVICES: &[&str] = &[
    session_service_server::SERVICE_NAME,
    contact_service_server::SERVICE_NAME,
    organization_service_server::SERVICE_NAME,
    application_service_server::SERVICE_NAME,
    agent_service_server::SERVICE_NAME,
    api_key_service_server::SERVICE_NAME,
    blocked_address_service_server::SERVICE_NAME,
    webhook_service_server::SERVICE_NAME,
];

/// What identity stands on.
pub struct Deps {
    /// Its database, migrated.
    pub db: Database,
    /// The server's keys.
    pub keys: Keys,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Webhooks may lie at addresses that the world can't reach.
    pub private_webhooks: bool,
}

/// Identity, ready to serve.
pub struct Service {
    app: Arc<app::App>,
    feed: app::Feed,
    server: Server,
    db: Database,
}

/// Puts identity together.
pub fn build(deps: Deps) -> Service {
    let app = Arc::new(app::App {
        db: deps.db.clone(),
        store: store::Store::new(deps.db.clone(), deps.entropy.clone()),
        keys: Arc::new(deps.keys.0),
        clock: deps.clock,
        passwords: team::app::PasswordHasher::new(deps.entropy.clone()),
        entropy: deps.entropy,
        private_webhooks: deps.private_webhooks,
        wake: Wake::default(),
    });
    let feed = app::Feed::new();
    let handlers = grpc::Handlers { app: app.clone(), feed: feed.clone() };
    let routes = Routes::new(SessionServiceServer::new(handlers.clone()))
        .add_service(ContactServiceServer::new(handlers.clone()))
        .add_service(OrganizationServiceServer::new(handlers.clone()))
        .add_service(ApplicationServiceServer::new(handlers.clone()))
        .add_service(AgentServiceServer::new(handlers.clone()))
        .add_service(ApiKeyServiceServer::new(handlers.clone()))
        .add_service(BlockedAddressServiceServer::new(handlers.clone()))
        .add_service(WebhookServiceServer::new(handlers));
    let server = Server::new(routes, SERVICES);
    Service { app, feed, server, db: deps.db }
}

impl Service {
    /// Identity for clients in this process.
    pub fn peer(&self) -> Peer {
        self.server.peer()
    }

    /// Makes the first organization, where there is none. `keep` stores its secrets, before the
    /// organization itself is stored.
    pub async fn first_organization(
        &self,
        name: &str,
        keep: impl FnOnce(&MadeOrganization) -> std::io::Result<()>,
    ) -> Result<()> {
        self.app.first_organization(name, keep).await
    }

    /// Serves, and tells conversation what stands in the outbox, until the process stops.
    pub fn start(self, listener: impl Into<Listener>, conversation: Peer, life: &Lifecycle) {
        let (store, clock) = (self.app.store.clone(), self.app.clock.clone());
        life.spawn(app::run_clean_up(store.clone(), clock.clone(), life.clone()));
        life.spawn(app::run_measures(self.app.clone(), self.db.clone(), life.clone()));
        let relay = Relay {
            db: self.db,
            clock: clock.clone(),
            entropy: self.app.entropy.clone(),
            wake: self.app.wake.clone(),
            deliver: app::ToConversation::new(conversation),
        };
        life.spawn(relay.run(life.clone()));
        let sender = app::Sender {
            store: store.clone(),
            keys: self.app.keys.clone(),
            clock: clock.clone(),
            entropy: self.app.entropy.clone(),
            poster: app::Poster::new(self.app.private_webhooks),
        };
        life.spawn(sender.run(life.clone()));
        life.spawn(app::run_feed(self.feed, store, clock, life.clone()));
        life.spawn(self.server.serve(listener.into(), life.clone()));
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

#[cfg(test)]
mod webhook_tests;
