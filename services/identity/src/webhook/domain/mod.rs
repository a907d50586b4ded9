//! Events, webhooks, and what follows when they change.

pub(crate) mod body;
pub(crate) mod conversation_event;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod interest;
pub(crate) mod url;
pub(crate) mod webhook;
