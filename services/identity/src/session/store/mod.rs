//! Devices, sessions and revocations in the database.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod application_cache;
pub(crate) mod devices;
pub(crate) mod logins;
pub(crate) mod revocations;
pub(crate) mod rules;
pub(crate) mod sessions;
