//! An organization: its applications, settings, identity keys, blocked addresses and audit log.

pub(crate) mod app;
pub(crate) mod domain;
pub(crate) mod grpc;
pub(crate) mod store;

#[cfg(test)]
pub(crate) mod tests;
