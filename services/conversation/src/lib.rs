//! Conversations: the one conversation of each contact, its messages, read marks and live streams.
//! Knows nothing of names, emails or HTTP.
//!
//! Calls go one way: `grpc → app → domain`, `app → store → libs/db`. `live` carries hints to the
//! readers of live streams.

mod app;
mod domain;
mod grpc;
mod live;
mod process;
mod store;

use std::{sync::Arc, time::Duration};

use onethread_core::{Clock, Entropy};
use onethread_db::{Database, Migrations};
use onethread_events::{Bus, NatsUrl, TlsFiles};
use onethread_grpc::{Listener, Peer, Server};
use onethread_lifecycle::Lifecycle;
use onethread_outbox::Relay;
use onethread_proto::conversation::{
    conversation_service_server::{self, ConversationServiceServer},
    conversation_sync_service_server::{self, ConversationSyncServiceServer},
    stream_service_server::{self, StreamServiceServer},
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use process::run;

use crate::{
    app::{App, IdentityClient},
    grpc::Handlers,
    live::Live,
};

/// How often a live stream checks the database for what lost hints missed. Readers have it within
/// 5 s.
const CHECK_INTERVAL: Duration = Duration::from_secs(3);

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "conversation",
    sqlite: onethread_db::migrate!("migrations/sqlite"),
    postgres: onethread_db::migrate!("migrations/postgres"),
};

/// What the service depends on.
pub struct Deps {
    /// Its own database, migrated with [`MIGRATIONS`].
    pub db: Database,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The bus to other replicas and the certificates for it; absent where there is one replica.
    pub nats: Option<(NatsUrl, Option<TlsFiles>)>,
    /// Identity, for the deliveries of the outbox.
    pub identity: Peer,
}

/// The service, ready to be started.
pub struct Service {
    server: Server,
    app: App,
    relay: Relay<IdentityClient>,
    stop: CancellationToken,
}

/// Builds the service. It answers calls through [`Service::peer`] at once; deliveries to identity
/// begin with [`Service::start`].
pub fn build(deps: Deps) -> Service {
    let Deps { db, clock, entropy, nats, identity } = deps;
    let stop = CancellationToken::new();
    let bus = match nats {
        Some((url, tls)) => Bus::connect(&url, tls, "conversation", entropy.clone()),
        None => Bus::in_process(),
    };
    let live = Live::new(bus, stop.clone(), CHECK_INTERVAL);
    let app = App::new(db.clone(), clock.clone(), entropy.clone(), live);
    let wake = app.wake.clone();
    let handlers = Handlers::new(app.clone());
    let routes = Routes::new(ConversationServiceServer::new(handlers.clone()))
        .add_service(ConversationSyncServiceServer::new(handlers.clone()))
        .add_service(StreamServiceServer::new(handlers));
    let services = [
        conversation_service_server::SERVICE_NAME,
        conversation_sync_service_server::SERVICE_NAME,
        stream_service_server::SERVICE_NAME,
    ];
    let deliver = IdentityClient::new(identity);
    let relay = Relay { db, clock, entropy, wake, deliver };
    Service { server: Server::new(routes, &services), app, relay, stop }
}

impl Service {
    /// A connection for clients in the same process.
    pub fn peer(&self) -> Peer {
        self.server.peer()
    }

    /// Serves on the socket and delivers the outbox, until the process stops. Live streams end as
    /// soon as it begins to stop.
    pub fn start(self, listener: Listener, life: &Lifecycle) {
        let Self { server, app, relay, stop } = self;
        let stopping = life.stopping();
        life.spawn(async move {
            stopping.await;
            stop.cancel();
        });
        life.spawn(app.measure(life.clone()));
        life.spawn(relay.run(life.clone()));
        life.spawn(server.serve(listener, life.clone()));
    }
}
