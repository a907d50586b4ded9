//! Live streams to browsers: one subscription stream to the conversation service for all of them
//! ([`Hub`]), one feed of ended sessions ([`Revocations`]), and for each reader a [`Guard`] that
//! lets it go on only while its session lives.

mod agent;
mod backoff;
mod guard;
mod hub;
mod import;
mod imports;
mod queue;
mod revocations;
mod sse;
mod widget;

pub(crate) use agent::follow as follow_organization;
pub(crate) use hub::{Hub, follow as follow_conversations};
pub(crate) use import::follow as follow_import;
pub(crate) use imports::Imports;
pub(crate) use revocations::{Revocations, Subject, follow as follow_revocations};
pub(crate) use widget::follow as follow_thread;
