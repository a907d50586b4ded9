//! Logs and traces of a process: [`init`] at the start, [`Guard::flush`] at the end, and the
//! trace context that goes with each call in between.

mod context;
mod init;

pub use context::{adopt, adopt_text, inject, link, link_span, text, trace_id};
pub use init::{Error, Guard, LogFormat, init};
