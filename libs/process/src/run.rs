//! The frame of a process: runtime, telemetry, status.

use std::process::ExitCode;

use onethread_config::refuse;
use onethread_errors::Error;
use onethread_lifecycle::Lifecycle;
use onethread_telemetry::LogFormat;
use tracing::error;

use crate::memory::give_back;

/// Why a process did not do what it was asked.
#[derive(Debug)]
pub enum StartError {
    /// The person who starts it can mend it; one line says how.
    Configuration(String),
    /// Something broke.
    Broken(Error),
}

impl<E: Into<Error>> From<E> for StartError {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

/// Runs a process named `name` to its end and gives its status: telemetry first, so that whatever
/// follows is told, and flushed last.
pub fn run(
    name: &'static str,
    format: Option<LogFormat>,
    serve: impl AsyncFnOnce(Lifecycle) -> Result<(), StartError>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(error),
    };
    runtime.block_on(async {
        let format = format.unwrap_or_else(LogFormat::suitable);
        let telemetry = match onethread_telemetry::init(name, format) {
            Ok(telemetry) => telemetry,
            Err(error) => return refuse(error),
        };
        // It ends with the runtime.
        tokio::spawn(give_back());
        let status = match serve(Lifecycle::new()).await {
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
