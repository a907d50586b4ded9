//! The gateway over sockets, with fakes of the other services, which have tests of their own.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod api;
mod authentication_cache;
mod calls;
mod contract;
mod fakes;
mod imports;
mod live;
mod support;
mod versions;
