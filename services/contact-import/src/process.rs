//! The service as a process: command line, configuration, and what it is built from.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use onethread_config::{
    ContactImportAddress, DatabaseArgs, Dump, IdentityUrl, ObjectStoreArgs, ProcessArgs, Task,
    TransportArgs, dump, parse,
};
use onethread_core::{Entropy, SystemClock, SystemEntropy};
use onethread_errors::Error;
use onethread_grpc::{Listener, Peer};
use onethread_lifecycle::Lifecycle;
use onethread_process::{
    DataFolder, StartError, announce_and_wait, bind, migrate, open_database, run,
};

use crate::{Deps, FileStorage, MIGRATIONS, build};

const NAME: &str = "onethread-contact-import";

/// Contact-import: loads contacts from CSV files.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    /// What to do instead of serving
    task: Option<Task>,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    contact_import: ContactImportAddress,
    #[command(flatten)]
    identity: IdentityUrl,
    #[command(flatten)]
    object_store: ObjectStoreArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    transport: TransportArgs,
}

/// Runs the process that the command line asks for, and returns its exit status.
pub fn main() -> ExitCode {
    let cli: Cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    if cli.process.dump_config {
        let Cli { process, contact_import, identity, object_store, database, transport, .. } = &cli;
        let groups: [&dyn Dump; 6] =
            [process, contact_import, identity, object_store, database, transport];
        print!("{}", dump(&process.data_dir, &groups));
        return ExitCode::SUCCESS;
    }
    run(NAME, cli.process.log_format, async |life| serve(cli, life).await)
}

async fn serve(cli: Cli, life: Lifecycle) -> Result<(), StartError> {
    let (url, data_dir) = (cli.database.database_url.as_ref(), &cli.process.data_dir);
    if cli.task == Some(Task::Migrate) {
        return migrate(url, data_dir, &MIGRATIONS).await;
    }
    let (address, identity) = (cli.contact_import.contact_import_addr, &cli.identity.identity_url);
    let checked =
        cli.transport.check(&[("--contact-import-addr", address)], &[("--identity-url", identity)]);
    let certificates = checked.map_err(StartError::Configuration)?;
    let folder = DataFolder::open(data_dir).map_err(StartError::Configuration)?;
    let files_url = cli.object_store.object_store_url.as_ref();
    let files = FileStorage::open(files_url, folder.path("uploads"));
    let files = files.map_err(StartError::Configuration)?;
    let listener = bind("--contact-import-addr", address).await?;
    let db = open_database(url, &folder, &MIGRATIONS, NAME).await?;
    life.stop_on_signals().map_err(Error::internal)?;

    let address = listener.local_addr().map_err(Error::internal)?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let service = build(Deps {
        db: db.clone(),
        clock: Arc::new(SystemClock),
        identity: Peer::connect(identity, certificates.as_ref(), &entropy),
        entropy,
        files,
    })
    .await?;
    service.start(Listener::new(listener, certificates), &life);
    announce_and_wait(&folder, "contactImport", address, &life).await?;
    db.close().await;
    Ok(())
}
