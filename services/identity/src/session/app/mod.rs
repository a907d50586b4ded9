//! The use cases of sessions.

pub(crate) mod authenticate;
pub(crate) mod identify;
mod pre_chat;
pub(crate) mod revocations;
mod visitors;
