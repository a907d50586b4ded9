//! Tables of organizations.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod applications;
pub(crate) mod audit;
pub(crate) mod blocked_addresses;
pub(crate) mod identity_keys;
pub(crate) mod organizations;
pub(crate) mod refusals;
