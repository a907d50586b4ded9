//! Tables of organizations.

pub(crate) mod applications;
pub(crate) mod audit;
pub(crate) mod blocked_addresses;
pub(crate) mod identity_keys;
pub(crate) mod organizations;
pub(crate) mod refusals;
