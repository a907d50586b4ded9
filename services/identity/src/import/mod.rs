//! Rows of imported files: what a batch of them changes.

mod app;
pub(crate) mod domain;
pub(crate) mod grpc;
pub(crate) mod store;

#[cfg(test)]
mod tests;
