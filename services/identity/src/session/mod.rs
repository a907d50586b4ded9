//! Sessions of contacts and visitors: how they begin with an init, what keeps them valid, how they
//! end.

pub(crate) mod app;
pub(crate) mod domain;
pub(crate) mod grpc;
pub(crate) mod store;

#[cfg(test)]
mod tests;
