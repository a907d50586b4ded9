//! Use cases of organizations.

pub(crate) mod applications;
mod audit;
pub(crate) mod blocked_addresses;
mod identity_keys;
pub(crate) mod organizations;
mod settings;
