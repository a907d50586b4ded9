//! contact-import: loads people from CSV files. [`build`] makes the service, [`Service::peer`] is
//! it for callers in the process, [`Service::start`] puts it on the air. How a contact is stored
//! is identity's; files, the state of each import and the report on its rows live here.

mod app;
mod domain;
mod files;
mod grpc;
mod store;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;

use onethread_core::{Clock, Entropy};
use onethread_db::{Database, Migrations};
use onethread_errors::Result;
use onethread_grpc::{Listener, Peer, Server};
use onethread_lifecycle::Lifecycle;
use onethread_proto::contactimport::import_service_server::{ImportServiceServer, SERVICE_NAME};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use app::App;
use grpc::{Contacts, Handlers};
use store::Store;
use worker::{Sweep, Waiting, Wake, Worker, run_measures};

pub use files::Files;

/// Imports that one process works on at once: a long one must not hold up a short one.
const WORKERS: usize = 2;

/// The service's tables.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "contact_import",
    sqlite: sqlx::migrate!("migrations/sqlite"),
    postgres: sqlx::migrate!("migrations/postgres"),
};

/// What the service needs.
pub struct Deps {
    /// Its database, with the tables of [`MIGRATIONS`].
    pub db: Database,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
    /// Identity, which keeps the contacts.
    pub identity: Peer,
    /// Where uploaded files lie. Replicas share it.
    pub uploads: Files,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// The service, not yet on the air.
#[derive(Debug)]
pub struct Service {
    server: Server,
    worker: Worker,
    sweep: Sweep,
    db: Database,
    stopping: CancellationToken,
}

/// Makes the service. Fails when an embedded database can't be written.
pub async fn build(deps: Deps) -> Result<Service> {
    let Deps { db, clock, entropy, identity, uploads: files } = deps;
    let alone = db.is_embedded();
    let (store, stopping) = (Store::new(db.clone()), CancellationToken::new());
    let (wake, waiting) = (Wake::default(), Waiting::default());
    if alone {
        // Nobody else works on this file, so whoever was killed need not be waited for.
        store.free_all(clock.now()).await?;
    }
    let app = App::new(
        store.clone(),
        Arc::clone(&clock),
        Arc::clone(&entropy),
        files.clone(),
        wake.clone(),
        waiting.clone(),
        stopping.clone(),
    );
    let server = Server::new(Routes::new(ImportServiceServer::new(Handlers(app))), &[SERVICE_NAME]);
    let sweep = Sweep { store: store.clone(), clock: Arc::clone(&clock), files: files.clone() };
    let contacts = Contacts(identity);
    let worker = Worker { store, clock, entropy, files, contacts, wake, waiting };
    Ok(Service { server, worker, sweep, db, stopping })
}

impl Service {
    /// The service for clients in the same process.
    pub fn peer(&self) -> Peer {
        self.server.peer()
    }

    /// Serves and works on imports until the process stops.
    pub fn start(self, listener: impl Into<Listener>, life: &Lifecycle) {
        let (stop, stopping) = (life.stopping(), self.stopping);
        life.spawn(async move {
            stop.await;
            stopping.cancel();
        });
        for _ in 0..WORKERS {
            life.spawn(self.worker.clone().run(life.clone()));
        }
        life.spawn(self.sweep.run(life.clone()));
        life.spawn(run_measures(self.db, life.clone()));
        life.spawn(self.server.serve(listener.into(), life.clone()));
    }
}
