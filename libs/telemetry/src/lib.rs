//! Logs, traces and metrics of a process: [`init`] at the start, [`Guard::flush`] at the end, the
//! trace context of calls, and all [`metrics`].

mod context;
mod fields;
mod init;
pub mod metrics;
mod redacted;

pub use context::{
    current_traceparent, inject, link, link_span, set_parent, set_parent_from_traceparent, trace_id,
};
pub use init::{Error, Guard, LogFormat, init};
