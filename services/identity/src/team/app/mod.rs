//! Use cases of the team.

mod agents;
mod api_keys;
mod invitations;
mod login;
mod password_change;
mod password_hasher;

pub(crate) use login::LoggedInAgent;
pub(crate) use password_change::reset_password;
pub(crate) use password_hasher::PasswordHasher;
