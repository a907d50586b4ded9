//! gRPC service of webhooks.

mod webhooks;
