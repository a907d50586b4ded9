//! Reading along: hints say that something happened, readers fetch it from the database. A hint
//! carries ids and numbers only, so a lost one delays and never loses.
//!
//! [`Live`] carries hints from the use cases to the [`Session`]s, one for each stream of a
//! gateway. A session keeps for each subscription the last number it delivered and reads on from
//! there, so its memory is bounded by design: no message waits in a queue. Whatever hints did not
//! tell, say because they were another replica's and the bus was away, the periodic look at the
//! database finds.

mod events;
mod hints;
mod inbox;
mod registry;
mod session;
#[cfg(test)]
mod tests;
mod typing;

pub(crate) use events::{Command, Event, Open, What};
pub(crate) use hints::{Change, Hint, Live};
pub(crate) use session::Session;
pub(crate) use typing::Typing;
