//! Use cases of organizations.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod applications;
mod audit;
pub(crate) mod blocked_addresses;
mod identity_keys;
pub(crate) mod organizations;
mod settings;
