//! What an organization sets, and what follows when that changes.

pub(crate) mod application;
pub(crate) mod audit;
pub(crate) mod blocked_address;
pub(crate) mod identity_key;
pub(crate) mod network;
mod origin;
pub(crate) mod policy;
pub(crate) mod settings;
