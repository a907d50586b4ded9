//! The rules of contacts.

pub(crate) mod attributes;
pub(crate) mod changes;
mod claim;
pub(crate) mod contact;
pub(crate) mod fields;
mod listing;
pub(crate) mod merge;
pub(crate) mod profile;
pub(crate) mod search;
pub(crate) mod tracked_event;
pub(crate) mod user_details;
