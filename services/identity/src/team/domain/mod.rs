//! Who belongs to a team, and what follows when that changes.

pub(crate) mod agent;
pub(crate) mod api_key;
pub(crate) mod owners;
pub(crate) mod password;
