//! The wire side of identity: messages into commands, results into answers.

mod applications;
mod audit;
mod blocked_addresses;
mod contacts;
mod convert;
mod imports;
mod json;
mod organizations;
mod people;
mod sessions;
mod settings;
mod webhooks;

use std::sync::Arc;

use crate::app::{App, Feed};

/// Answers identity's calls.
#[derive(Clone)]
pub(crate) struct Handlers {
    pub(crate) app: Arc<App>,
    pub(crate) feed: Feed,
}
