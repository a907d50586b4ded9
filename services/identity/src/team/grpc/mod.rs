//! gRPC services of the team.

mod agents;
mod api_keys;
