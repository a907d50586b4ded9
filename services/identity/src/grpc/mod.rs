//! gRPC: requests into commands, results into responses. Services of a slice live with it.

mod contacts;
mod convert;
mod imports;
pub(crate) mod json;
mod sessions;

use std::sync::Arc;

pub(crate) use crate::organization::grpc::audit;

use crate::app::{App, Feed};

/// The handlers of all services.
#[derive(Clone)]
pub(crate) struct Handlers {
    pub(crate) app: Arc<App>,
    pub(crate) feed: Feed,
}
