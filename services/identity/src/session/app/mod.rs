//! The use cases of sessions.

mod authenticate;
mod identify;
mod pre_chat;
mod revocations;
mod visitors;

pub(crate) use authenticate::CallSource;
pub(crate) use identify::{ApplicationRef, Identified, IdentifyCommand};
pub(crate) use revocations::{Feed, run_feed};
