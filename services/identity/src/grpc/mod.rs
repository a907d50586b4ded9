//! gRPC: what the services of all slices share. Each slice has its services in its `grpc` module.

pub(crate) mod json;
pub(crate) mod mask;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod violations;

use std::sync::Arc;

use crate::{app::App, session::app::revocations::Feed};

/// The handlers of all services.
#[derive(Clone)]
pub(crate) struct Handlers {
    pub(crate) app: Arc<App>,
    pub(crate) feed: Feed,
}
