//! Tables of the team.
//!
//! A function without an `# Errors` section fails only when the database does.

pub(crate) mod agents;
pub(crate) mod api_keys;
pub(crate) mod invitations;
pub(crate) mod logins;
