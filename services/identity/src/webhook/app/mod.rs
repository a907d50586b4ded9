//! Use cases of webhooks, and the worker that delivers to them.

pub(crate) mod client;
pub(crate) mod expand;
mod record;
mod webhooks;
pub(crate) mod worker;
