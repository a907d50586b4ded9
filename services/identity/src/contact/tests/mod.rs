//! Contacts on a real database, through the service's own calls.

mod claims;
mod edit;
mod erase;
mod index_migration;
mod list;
mod merge;
mod search;
mod search_queue;
mod tracked_events;
