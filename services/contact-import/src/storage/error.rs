//! Errors of disks and object stores.

use std::{error::Error as StdError, io};

use onethread_errors::Error;

/// Converts an error of a file, which an object store or a disk may have caused.
pub(crate) fn io_error(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => classify(error, false),
    }
}

/// A full disk and a machine that is short of something recover. `is_temporary` decides about other
/// errors: whether they recover by themselves or somebody has to look.
pub(super) fn classify(error: impl StdError + Send + Sync + 'static, is_temporary: bool) -> Error {
    let mut chain = std::iter::successors(Some(&error as &dyn StdError), |&error| error.source());
    let kind = chain.find_map(|error| error.downcast_ref::<io::Error>().map(io::Error::kind));
    match kind {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            Error::storage_full(error)
        }
        Some(io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory) => Error::unavailable(error),
        _ if is_temporary => Error::unavailable(error),
        _ => Error::internal(error),
    }
}
