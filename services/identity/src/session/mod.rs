//! Sessions of contacts and visitors: how they begin, when they are valid, and how they are
//! revoked.

pub(crate) mod app;
pub(crate) mod domain;
pub(crate) mod grpc;
pub(crate) mod store;

#[cfg(test)]
mod tests;
