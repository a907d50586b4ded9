//! Tables of webhooks.

pub(crate) mod deliveries;
pub(crate) mod events;
pub(crate) mod interests;
pub(crate) mod webhooks;
