//! The use cases of contacts.

mod changes;
mod claims;
pub(crate) mod contacts;
pub(crate) mod edit;
mod erase;
mod first_message;
mod merge;
mod profile;
mod track;
mod visit;
