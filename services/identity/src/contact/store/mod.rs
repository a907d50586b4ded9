//! Contacts in the database.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod contacts;
pub(crate) mod list;
pub(crate) mod merges;
pub(crate) mod rows;
pub(crate) mod search;
pub(crate) mod tracked_events;
