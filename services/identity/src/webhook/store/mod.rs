//! Tables of webhooks.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod interests;
pub(crate) mod webhooks;
