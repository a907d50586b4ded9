//! gRPC: what the services of all slices share. Each slice has its services in its `grpc` module.

pub(crate) mod json;
pub(crate) mod mask;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod violations;

use std::{str::FromStr, sync::Arc};

use onethread_core::ParseIdError;
use onethread_errors::Result;
use onethread_grpc::id;

use crate::{app::App, session::app::revocations::Feed};

/// The handlers of all services.
#[derive(Clone)]
pub(crate) struct Handlers {
    pub(crate) app: Arc<App>,
    pub(crate) feed: Feed,
}

/// The id that a caller has chosen for what a call creates.
///
/// # Errors
///
/// `InvalidArgument` for a text that is no UUID.
pub(crate) fn requested_id<T>(request_id: &str) -> Result<Option<T>>
where
    T: FromStr<Err = ParseIdError>,
{
    (!request_id.is_empty()).then(|| id("request_id", request_id)).transpose()
}
