//! The use cases of contacts.

mod changes;
mod claims;
mod contacts;
mod edit;
mod erase;
mod first_message;
mod merge;
mod profile;
mod track;
mod visit;

pub(crate) use contacts::ContactQuery;
pub(crate) use edit::ContactChanges;
