//! Webhooks: what organizations are notified of, and the deliveries to them.

pub(crate) mod app;
pub(crate) mod domain;
mod grpc;
pub(crate) mod store;

#[cfg(test)]
mod tests;
