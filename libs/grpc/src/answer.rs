//! From a use case's result to an answer.

use onethread_errors::{Error, Reason, Result};
use tonic::{Response, Status};
use tracing::{error, warn};

/// Answers a call. A failure of ours is logged here, once, with all that lies behind it; what the
/// caller did wrong is told to the caller alone.
pub fn answer<T>(result: Result<T>) -> Result<Response<T>, Status> {
    match result {
        Ok(message) => Ok(Response::new(message)),
        Err(error) => {
            log_failure(&error);
            Err(error.into())
        }
    }
}

/// Logs a failure of ours; a caller's mistake is not logged.
pub fn log_failure(failure: &Error) {
    match failure.reason {
        Reason::Internal => error!(cause = failure.chain(), "call failed"),
        Reason::Unavailable | Reason::StorageFull | Reason::DeadlineExceeded => {
            warn!(cause = failure.chain(), "call turned away");
        }
        _ => {}
    }
}
