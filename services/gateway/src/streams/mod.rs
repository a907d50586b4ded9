//! Live streams to browsers: one subscription stream to the conversation service for all of them
//! ([`Hub`]), one feed of revocations ([`Revocations`]), and for each stream a [`guard::Guard`]
//! that lets it continue only while its session is valid.

mod conversation;
mod event;
mod guard;
mod hub;
mod import;
mod import_progress;
mod organization;
mod place;
mod queue;
mod revocations;
mod sse;
mod upstream;

pub(crate) use conversation::follow as follow_conversation;
pub(crate) use hub::{Hub, follow as follow_all_conversations};
pub(crate) use import::follow as follow_import;
pub(crate) use import_progress::Imports;
pub(crate) use organization::follow as follow_organization;
pub(crate) use place::StreamPlace;
pub(crate) use revocations::{Revocations, Subject, follow as follow_revocations};
