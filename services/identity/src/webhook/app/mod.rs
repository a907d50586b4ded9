//! Use cases of webhooks, and the worker that delivers to them.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod backlog;
pub(crate) mod client;
pub(crate) mod expand;
mod record;
mod running;
mod webhooks;
pub(crate) mod worker;
