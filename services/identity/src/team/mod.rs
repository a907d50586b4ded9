//! The team of an organization: agents, invitations, passwords, agents' logins, and API keys.

pub(crate) mod app;
pub(crate) mod domain;
mod grpc;
pub(crate) mod store;

#[cfg(test)]
mod tests;
