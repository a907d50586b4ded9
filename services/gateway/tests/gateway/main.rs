//! The gateway over sockets, with other services that do just enough. What those services decide
//! is tested with them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod api;
mod calls;
mod contract;
mod fakes;
mod imports;
mod live;
mod support;
mod trust;
mod versions;
