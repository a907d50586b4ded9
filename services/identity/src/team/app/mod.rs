//! Use cases of the team.

mod agents;
mod api_keys;
mod invitations;
pub(crate) mod login;
pub(crate) mod password_change;
pub(crate) mod password_hasher;
