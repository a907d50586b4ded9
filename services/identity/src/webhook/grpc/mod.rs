//! gRPC services of webhooks, and of the facts that they send.

mod conversation_facts;
mod webhooks;
