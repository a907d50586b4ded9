//! contact-import: loads contacts from CSV files. [`build`] creates the service, [`Service::peer`] is
//! it for callers in this process, [`Service::start`] serves it, and [`main`] is the program. Identity
//! stores contacts; this service has the uploaded files, the state of each import and the rejected
//! rows.

mod app;
mod clients;
mod domain;
mod grpc;
mod process;
mod storage;
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
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use app::{App, MAX_UPLOADS, jobs::Jobs};
use clients::ContactsClient;
use grpc::Handlers;
use worker::{Sweeper, WaitReasons, WorkSignal, Worker, report_metrics};

pub use process::main;
pub use storage::FileStorage;

/// Imports that a process works on at a time: a long one must not block a short one.
const WORKERS: usize = 2;

/// The service's tables.
pub static MIGRATIONS: Migrations = Migrations {
    schema: "contact_import",
    sqlite: onethread_db::migrate!("migrations/sqlite"),
    postgres: onethread_db::migrate!("migrations/postgres"),
};

/// What the service needs.
pub struct Deps {
    /// Its database, with the tables of [`MIGRATIONS`].
    pub db: Database,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
    /// Identity, which stores the contacts.
    pub identity: Peer,
    /// Storage of uploaded files, shared by replicas.
    pub files: FileStorage,
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// The service, not yet served.
#[derive(Debug)]
pub struct Service {
    server: Server,
    worker: Worker,
    sweeper: Sweeper,
    stopping: CancellationToken,
}

/// Builds the service. Imports that a process stopped with are free for the workers again.
///
/// # Errors
///
/// When an embedded database can't be written.
pub async fn build(deps: Deps) -> Result<Service> {
    if deps.db.is_embedded() {
        Jobs { db: deps.db.clone(), clock: Arc::clone(&deps.clock) }.release_all().await?;
    }
    Ok(assemble(deps))
}

fn assemble(deps: Deps) -> Service {
    let Deps { db, clock, entropy, identity, files } = deps;
    let (work, wait_reasons) = (WorkSignal::default(), WaitReasons::default());
    let stopping = CancellationToken::new();
    let jobs = Jobs { db: db.clone(), clock: Arc::clone(&clock) };
    let app = App {
        db: db.clone(),
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        files: files.clone(),
        work: work.clone(),
        wait_reasons: wait_reasons.clone(),
        uploads: Arc::new(Semaphore::new(MAX_UPLOADS)),
        stopping: stopping.clone(),
    };
    let server = Server::new(Routes::new(ImportServiceServer::new(Handlers(app))), &[SERVICE_NAME]);
    let sweeper = Sweeper { db, clock: Arc::clone(&clock), files: files.clone() };
    let contacts = ContactsClient(identity);
    let worker = Worker { jobs, clock, entropy, files, contacts, work, wait_reasons };
    Service { server, worker, sweeper, stopping }
}

impl Service {
    /// The service for clients in the same process.
    pub fn peer(&self) -> Peer {
        self.server.peer()
    }

    /// Serves calls and works on imports until the process stops.
    pub fn start(self, listener: Listener, life: &Lifecycle) {
        let (stop, stopping) = (life.stopping(), self.stopping);
        life.spawn(async move {
            stop.await;
            stopping.cancel();
        });
        life.spawn(report_metrics(self.worker.jobs.clone(), life.clone()));
        for _ in 0..WORKERS {
            life.spawn(self.worker.clone().run(life.clone()));
        }
        life.spawn(self.sweeper.run(life.clone()));
        life.spawn(self.server.serve(listener, life.clone()));
    }
}
