//! Logs, traces and metrics of a process: [`init`] at the start, [`Guard::flush`] at the end, and
//! in between the trace context that goes with each call, and what is measured.

mod context;
mod fields;
mod init;
pub mod metrics;

pub use context::{adopt, adopt_text, inject, link, link_span, text, trace_id};
pub use init::{Error, Guard, LogFormat, init};
