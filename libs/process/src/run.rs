//! Running a process: runtime, telemetry, exit status.

use std::{pin::Pin, process::ExitCode};

use onethread_config::refuse;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::{LogFormat, metrics};
use rustix::{fs::Mode, process::umask};
use tracing::error;

use crate::{descriptors::raise_open_files, memory::return_free_memory};

/// Why a process ended without success.
#[derive(Debug)]
pub enum StartError {
    /// The person who starts it can correct it. Has one line that says how.
    Configuration(String),
    /// Something else failed.
    Broken(Error),
}

impl<E: Into<Error>> From<E> for StartError {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

/// Runs a process named `name` and returns its exit status. Telemetry is started first, so that all
/// that follows is recorded, and flushed last.
pub fn run(
    name: &'static str,
    format: Option<LogFormat>,
    serve: impl AsyncFnOnce(Lifecycle) -> Result<(), StartError>,
) -> ExitCode {
    let life = Lifecycle::new();
    run_boxed(name, format, Box::pin(serve(life)))
}

/// Not generic, so that the runtime and telemetry are compiled once for all programs.
fn run_boxed(
    name: &'static str,
    format: Option<LogFormat>,
    serve: Pin<Box<dyn Future<Output = Result<(), StartError>> + '_>>,
) -> ExitCode {
    // What is created, by SQLite for example, is this user's alone.
    umask(Mode::RWXG | Mode::RWXO);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(error),
    };
    runtime.block_on(async {
        let format = format.unwrap_or_else(LogFormat::default_for_stderr);
        let telemetry = match onethread_telemetry::init(name, format) {
            Ok(telemetry) => telemetry,
            Err(error) => return refuse(error),
        };
        raise_open_files();
        tokio::spawn(return_free_memory());
        tokio::spawn(metrics::measure_process());
        let status = match serve.await {
            Ok(()) => ExitCode::SUCCESS,
            Err(StartError::Configuration(what)) => refuse(what),
            Err(StartError::Broken(failure)) => {
                error!(cause = failure.chain(), "failed");
                ExitCode::FAILURE
            }
        };
        telemetry.flush().await;
        status
    })
}
