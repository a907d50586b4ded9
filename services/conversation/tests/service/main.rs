//! The service as its callers see it: over gRPC in the process.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod calls;
mod harness;
mod streams;
