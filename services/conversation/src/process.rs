//! Conversation as a process of its own.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use onethread_config::{
    BusArgs, ConversationAddress, DatabaseArgs, Dump, IdentityUrl, ProcessArgs, Task,
    TransportArgs, dump, parse,
};
use onethread_core::{Entropy, SystemClock, SystemEntropy};
use onethread_errors::Error;
use onethread_grpc::{Listener, Peer};
use onethread_lifecycle::Lifecycle;
use onethread_process::{DataFolder, StartError, announce_and_wait, bind, migrate, open_database};

use crate::{Deps, MIGRATIONS, build};

const NAME: &str = "onethread-conversation";

/// Conversations: messages, read marks and live streams.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    /// What to do instead of serving
    task: Option<Task>,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    conversation: ConversationAddress,
    #[command(flatten)]
    identity: IdentityUrl,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    bus: BusArgs,
    #[command(flatten)]
    transport: TransportArgs,
}

/// Runs the process until it is stopped, by its command line, environment and configuration file.
pub fn run() -> ExitCode {
    let cli: Cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    if cli.process.dump_config {
        let Cli { process, conversation, identity, database, bus, transport, .. } = &cli;
        let groups: [&dyn Dump; 6] = [process, conversation, identity, database, bus, transport];
        print!("{}", dump(&process.data_dir, &groups));
        return ExitCode::SUCCESS;
    }
    onethread_process::run(NAME, cli.process.log_format, async |life| serve(cli, life).await)
}

async fn serve(cli: Cli, life: Lifecycle) -> Result<(), StartError> {
    let (url, data_dir) = (cli.database.database_url.as_ref(), &cli.process.data_dir);
    if cli.task == Some(Task::Migrate) {
        return migrate(url, data_dir, &MIGRATIONS).await;
    }
    let (address, identity) = (cli.conversation.conversation_addr, &cli.identity.identity_url);
    let checked =
        cli.transport.check(&[("--conversation-addr", address)], &[("--identity-url", identity)]);
    let certificates = checked.map_err(StartError::Configuration)?;
    cli.transport.check_bus(&cli.bus).map_err(StartError::Configuration)?;
    let folder = DataFolder::open(data_dir).map_err(StartError::Configuration)?;
    let listener = bind("--conversation-addr", address).await?;
    let db = open_database(url, &folder, &MIGRATIONS, NAME).await?;
    life.stop_on_signals().map_err(Error::internal)?;

    let address = listener.local_addr().map_err(Error::internal)?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let service = build(Deps {
        nats: cli.bus.nats_url.map(|url| (url, cli.transport.bus_files())),
        db: db.clone(),
        clock: Arc::new(SystemClock),
        identity: Peer::connect(identity, certificates.as_ref(), &entropy),
        entropy,
    });
    service.start(Listener::new(listener, certificates), &life);
    announce_and_wait(&folder, "conversation", address, &life).await?;
    db.close().await;
    Ok(())
}
