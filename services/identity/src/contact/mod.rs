//! Contacts and visitors with a row: what they are, how they are found, changed, merged and erased.

pub(crate) mod app;
pub(crate) mod domain;
pub(crate) mod grpc;
pub(crate) mod store;

#[cfg(test)]
mod tests;
