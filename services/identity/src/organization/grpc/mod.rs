//! gRPC services of organizations.

mod applications;
pub(crate) mod audit;
mod blocked_addresses;
mod identity_keys;
mod organizations;
mod settings;
