//! The use cases of sessions.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod authenticate;
pub(crate) mod identify;
mod pre_chat;
pub(crate) mod revocations;
mod visitors;
