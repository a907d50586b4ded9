//! Use cases of organizations.

mod applications;
mod audit;
mod blocked_addresses;
mod identity_keys;
mod organizations;
mod settings;

pub(crate) use applications::{ApplicationName, ListedApplication, NewApplication};
pub(crate) use blocked_addresses::address_blocked;
pub use organizations::MadeOrganization;
