//! Logs, traces and metrics of a process: [`init`] at the start, [`Guard::flush`] at the end, the
//! trace context of calls, all [`spans`] and [`metrics`], and the [`attributes`] of both.

pub mod attributes;
mod context;
mod fields;
mod init;
pub mod metrics;
mod redacted;
pub mod spans;

pub use context::{
    current_traceparent, inject, leave_untraced, link, link_span, link_traceparent, set_parent,
    set_parent_from_traceparent, trace_id, traceparent, untraced,
};
pub use init::{Error, Guard, LogFormat, init};
