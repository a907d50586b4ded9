//! Conversations: the one thread of each contact, its messages, its read marks and its live
//! streams. Knows nothing of names, e-mails or HTTP.
//!
//! A call walks one way: `grpc → app → domain → store → libs/db`. `live` carries what happened
//! to those who read along.

mod app;
mod domain;
mod grpc;
mod live;
mod store;

use std::{sync::Arc, time::Duration};

use onethread_core::{Clock, Entropy};
use onethread_db::{Database, Migrations};
use onethread_errors::Result;
use onethread_events::{Bus, NatsUrl, TlsFiles};
use onethread_grpc::{Listener, Peer, Server};
use onethread_lifecycle::Lifecycle;
use onethread_outbox::Relay;
use onethread_proto::conversation::{
    conversation_service_server::{self, ConversationServiceServer},
    stream_service_server::{self, StreamServiceServer},
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    app::{App, ToIdentity},
    grpc::Handlers,
    live::Live,
    store::Store,
};

/// How often a live stream compares itself with the database, in case a hint was lost: readers
/// are right again within 5 s.
const CHECK_EVERY: Duration = Duration::from_secs(3);

/// The tables of this service.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "conversation",
    sqlite: sqlx::migrate!("migrations/sqlite"),
    postgres: sqlx::migrate!("migrations/postgres"),
};

/// What the service works with.
pub struct Deps {
    /// Its own database, migrated with [`MIGRATIONS`].
    pub db: Database,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The bus to other replicas and what connections to it show; absent: there are none.
    pub nats: Option<(NatsUrl, Option<TlsFiles>)>,
    /// Identity, which is told of first messages.
    pub identity: Peer,
}

/// The service, ready to be started.
pub struct Service {
    server: Server,
    app: App,
    relay: Relay<ToIdentity>,
    stop: CancellationToken,
}

/// Puts the service together. It answers calls by [`Service::peer`] at once; deliveries to
/// identity begin with [`Service::start`].
pub async fn build(deps: Deps) -> Result<Service> {
    let Deps { db, clock, entropy, nats, identity } = deps;
    let stop = CancellationToken::new();
    let bus = match nats {
        Some((url, tls)) => Bus::connect(&url, tls, "conversation", entropy.clone()),
        None => Bus::in_process(),
    };
    let live = Live::new(bus, stop.clone(), CHECK_EVERY);
    let app = App::new(Store::new(db.clone()), clock.clone(), entropy.clone(), live);
    let wake = app.wake.clone();
    let handlers = Handlers::new(app.clone());
    let routes = Routes::new(ConversationServiceServer::new(handlers.clone()))
        .add_service(StreamServiceServer::new(handlers));
    let services = [conversation_service_server::SERVICE_NAME, stream_service_server::SERVICE_NAME];
    let deliver = ToIdentity::new(identity);
    let relay = Relay { db, clock, entropy, wake, deliver };
    Ok(Service { server: Server::new(routes, &services), app, relay, stop })
}

impl Service {
    /// The service for clients in the same process.
    pub fn peer(&self) -> Peer {
        self.server.peer()
    }

    /// Serves on the socket and delivers the outbox, until the process stops. Live streams end
    /// with the first word of it.
    pub fn start(self, listener: impl Into<Listener>, life: &Lifecycle) {
        let Self { server, app, relay, stop } = self;
        let stopping = life.stopping();
        life.spawn(async move {
            stopping.await;
            stop.cancel();
        });
        life.spawn(app.measure(relay.db.clone(), life.clone()));
        life.spawn(relay.run(life.clone()));
        life.spawn(server.serve(listener.into(), life.clone()));
    }
}
