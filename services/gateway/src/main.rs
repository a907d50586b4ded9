//! The gateway as a process of its own.

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use onethread_config::{
    ContactImportUrl, ConversationUrl, Dump, GatewayArgs, IdentityUrl, ProcessArgs, TransportArgs,
    dump, parse,
};
use onethread_core::{Entropy, SystemClock, SystemEntropy};
use onethread_errors::Error;
use onethread_gateway::{Config, Deps, build};
use onethread_grpc::Peer;
use onethread_lifecycle::Lifecycle;
use onethread_process::{DataFolder, StartError, announce_and_wait, bind, open_files, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAME: &str = "onethread-gateway";

/// The gateway: the public JSON API, live streams, pages.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Cli {
    #[command(flatten)]
    process: ProcessArgs,
    #[command(flatten)]
    gateway: GatewayArgs,
    #[command(flatten)]
    identity: IdentityUrl,
    #[command(flatten)]
    conversation: ConversationUrl,
    #[command(flatten)]
    contact_import: ContactImportUrl,
    #[command(flatten)]
    transport: TransportArgs,
}

fn main() -> ExitCode {
    let cli: Cli = match parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(status) => return status,
    };
    if cli.process.dump_config {
        let Cli { process, gateway, identity, conversation, contact_import, transport } = &cli;
        let groups: [&dyn Dump; 6] =
            [process, gateway, identity, conversation, contact_import, transport];
        print!("{}", dump(&process.data_dir, &groups));
        return ExitCode::SUCCESS;
    }
    run(NAME, cli.process.log_format, async |life| serve(cli, life).await)
}

async fn serve(cli: Cli, life: Lifecycle) -> Result<(), StartError> {
    let identity = &cli.identity.identity_url;
    let conversation = &cli.conversation.conversation_url;
    let contact_import = &cli.contact_import.contact_import_url;
    let services = [
        ("--identity-url", identity),
        ("--conversation-url", conversation),
        ("--contact-import-url", contact_import),
    ];
    let certificates = cli.transport.check(&[], &services).map_err(StartError::Configuration)?;
    let certificates = certificates.as_ref();
    let folder = DataFolder::open(&cli.process.data_dir).map_err(StartError::Configuration)?;
    let listener = bind("--http-addr", cli.gateway.http_addr).await?;
    life.stop_on_signals().map_err(Error::internal)?;

    let address = listener.local_addr().map_err(Error::internal)?;
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let config = Config {
        rate_limits: cli.gateway.rate_limits,
        trusted_proxies: cli.gateway.trusted_proxies,
        open_files: open_files(),
        operator_token: cli.gateway.operator_token,
        demo: None,
    };
    let deps = Deps {
        identity: Peer::connect(identity, certificates, &entropy),
        conversation: Peer::connect(conversation, certificates, &entropy),
        contact_import: Peer::connect(contact_import, certificates, &entropy),
        clock: Arc::new(SystemClock),
        entropy,
    };
    build(config, deps, &life).start(listener, &life);
    announce_and_wait(&folder, "http", address, &life).await
}
