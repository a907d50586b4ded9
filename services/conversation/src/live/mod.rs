//! Live streams: a hint says that something happened, and readers fetch it from the database. A
//! hint carries only ids and numbers, so a lost one delays and never loses.
//!
//! [`Live`] carries hints from the use cases to the [`Session`]s, one for each stream of a gateway.
//! A session keeps the last number that it delivered to each subscription and continues from
//! there, so its memory is bounded: no message waits in a queue. What hints missed, for example
//! because another replica's could not be published, a periodic check of the database finds.

mod events;
mod hints;
mod inbox;
mod registry;
mod session;
#[cfg(test)]
mod tests;
mod typing;

pub(crate) use events::{Command, EndReason, Event, EventKind, OpenCommand};
pub(crate) use hints::{Hint, Live};
pub(crate) use session::Session;
pub(crate) use typing::Typing;
