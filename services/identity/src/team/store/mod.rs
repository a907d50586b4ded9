//! Tables of the team.

pub(crate) mod agents;
pub(crate) mod api_keys;
pub(crate) mod invitations;
pub(crate) mod logins;
