//! The use cases of contacts.
//!
//! A function without an `# Errors` section fails only when the database does.

mod changes;
mod claims;
pub(crate) mod contacts;
pub(crate) mod edit;
mod erase;
mod first_message;
mod merge;
mod profile;
pub(crate) mod search_queue;
mod track;
mod visit;
