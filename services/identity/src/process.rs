//! Identity as its own process: configuration, commands, and what it serves.

use std::{process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};
use onethread_config::{
    ConversationUrl, DatabaseArgs, Dump, IdentityArgs, ProcessArgs, TransportArgs, dump, parse,
};
use onethread_core::{Entropy, SystemClock, SystemEntropy};
use onethread_errors::Error;
use onethread_grpc::{Listener, Peer};
use onethread_lifecycle::Lifecycle;
use onethread_process::{
    DataFolder, StartError, announce_and_wait, bind, migrate, open_database, run,
};

use crate::{Deps, Keys, MIGRATIONS, build, reset_password_in};

const NAME: &str = "onethread-identity";

/// Identity: organizations, contacts, agents and their sessions.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    conversation: ConversationUrl,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    transport: TransportArgs,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the database to this version's tables and exit
    Migrate,
    /// Give an agent a new password, printed this once, and end their logins
    ResetPassword {
        /// The organization's domain
        organization: String,
        /// The agent's email
        email: String,
    },
}

/// What the binary does: reads its configuration, then serves or runs a command. Returns the status
/// of the process.
pub fn main() -> ExitCode {
    let cli: Cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    if cli.process.dump_config {
        let Cli { process, identity, conversation, database, transport, .. } = &cli;
        let groups: [&dyn Dump; 5] = [process, identity, conversation, database, transport];
        print!("{}", dump(&process.data_dir, &groups));
        return ExitCode::SUCCESS;
    }
    run(NAME, cli.process.log_format, async |life| serve(cli, life).await)
}

async fn serve(cli: Cli, life: Lifecycle) -> Result<(), StartError> {
    let (url, data_dir) = (cli.database.database_url.as_ref(), &cli.process.data_dir);
    match &cli.command {
        None => {}
        Some(Command::Migrate) => return migrate(url, data_dir, &MIGRATIONS).await,
        Some(Command::ResetPassword { organization, email }) => {
            return reset_password_in(url, data_dir, NAME, organization, email).await;
        }
    }
    cli.identity.check_keys_file().map_err(StartError::Configuration)?;
    let address = cli.identity.identity_addr;
    let conversation = &cli.conversation.conversation_url;
    let calling = [("--conversation-url", conversation)];
    let checked = cli.transport.check(&[("--identity-addr", address)], &calling);
    let certificates = checked.map_err(StartError::Configuration)?;
    let folder = DataFolder::open(data_dir).map_err(StartError::Configuration)?;
    let listener = bind("--identity-addr", address).await?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let keys = Keys::load(&cli.identity.keys_file(data_dir), &*entropy);
    let keys = keys.map_err(|error| StartError::Configuration(error.to_string()))?;
    let db = open_database(url, &folder, &MIGRATIONS, NAME).await?;
    life.stop_on_signals().map_err(Error::internal)?;

    let address = listener.local_addr().map_err(Error::internal)?;
    let conversation = Peer::connect(conversation, certificates.as_ref(), &entropy);
    let deps = Deps {
        db: db.clone(),
        keys,
        clock: Arc::new(SystemClock),
        entropy,
        private_webhooks: cli.identity.allows_private_webhooks(),
    };
    build(deps).start(Listener::new(listener, certificates), conversation, &life);
    announce_and_wait(&folder, "identity", address, &life).await?;
    db.close().await;
    Ok(())
}
