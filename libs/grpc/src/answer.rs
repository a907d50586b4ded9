//! From a use case's result to a gRPC response.

use onethread_errors::{Error, Reason, Result};
use tonic::{Response, Status};
use tracing::{error, warn};

/// Converts a use case's result to a response. A fault of the server is logged here, once, with all
/// its causes. An error of the caller is only returned to the caller.
///
/// # Errors
///
/// Returns the status of a failed result.
pub fn answer<T>(result: Result<T>) -> Result<Response<T>, Status> {
    match result {
        Ok(message) => Ok(Response::new(message)),
        Err(error) => {
            log_failure(&error);
            Err(error.into())
        }
    }
}

/// Logs a fault of the server. Errors of the caller are not logged.
pub fn log_failure(error: &Error) {
    match error.reason {
        Reason::Internal => error!(cause = error.chain(), "call failed"),
        Reason::Unavailable | Reason::StorageFull | Reason::DeadlineExceeded => {
            warn!(cause = error.chain(), "call failed, the caller may retry");
        }
        _ => {}
    }
}
