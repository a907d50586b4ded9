//! Contacts in the database.

pub(crate) mod contacts;
pub(crate) mod list;
pub(crate) mod merges;
pub(crate) mod rows;
pub(crate) mod search;
pub(crate) mod tracked_events;
