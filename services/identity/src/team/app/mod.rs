//! Use cases of the team.
//!
//! A function without an `# Errors` section fails only when the database does.

mod agents;
mod api_keys;
mod invitations;
pub(crate) mod login;
pub(crate) mod password_change;
pub(crate) mod password_hasher;
