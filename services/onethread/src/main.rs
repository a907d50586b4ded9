//! Onethread in one process: all four services, what `cargo run` starts.

mod bootstrap;
mod folder;
mod stack;

use std::process::ExitCode;

use clap::Parser;
use onethread_config::{BAD_CONFIGURATION, Settings, parse, refuse};
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::LogFormat;
use stack::StartError;
use tracing::error;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A customer messenger: one customer, one thread, on every device.
#[derive(Debug, Parser)]
#[command(name = "onethread", version)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
}

fn main() -> ExitCode {
    let settings = match parse::<Cli>(std::env::args_os()) {
        Ok(cli) => cli.settings,
        Err(status) => return status,
    };
    if settings.dump_config {
        print!("{}", settings.dump());
        return ExitCode::SUCCESS;
    }
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(settings)),
        Err(error) => refuse(error),
    }
}

async fn run(settings: Settings) -> ExitCode {
    let format = settings.log_format.unwrap_or_else(LogFormat::suitable);
    let telemetry = match onethread_telemetry::init("onethread", format) {
        Ok(telemetry) => telemetry,
        Err(error) => return refuse(error),
    };
    let status = match stack::serve(&settings, Lifecycle::new()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(StartError::Configuration(what)) => refuse(what),
        Err(StartError::Broken(failure)) => {
            error!(cause = failure.chain(), "could not start");
            ExitCode::FAILURE
        }
    };
    telemetry.flush().await;
    status
}

// The README and the tests name the status.
const _: () = assert!(BAD_CONFIGURATION == 64);
