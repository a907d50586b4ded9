//! gRPC: requests into commands, results into responses. Services of a slice live with it.

mod convert;
pub(crate) mod json;

use std::sync::Arc;

pub(crate) use crate::organization::grpc::audit;

use crate::{app::App, session::Feed};

/// The handlers of all services.
#[derive(Clone)]
pub(crate) struct Handlers {
    pub(crate) app: Arc<App>,
    pub(crate) feed: Feed,
}
