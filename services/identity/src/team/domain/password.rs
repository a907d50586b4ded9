//! Passwords of agents.

use onethread_core::AgentId;

use crate::{
    domain::effects::Effects,
    organization::domain::audit::{Action, Actor},
};

/// Longest password, in bytes.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;
/// The shortest password that an agent may set, in bytes.
const MIN_PASSWORD_BYTES: usize = 8;

/// Checks a password that an agent wants to set.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check_password(password: &str) -> Result<(), &'static str> {
    match password.len() {
        0..MIN_PASSWORD_BYTES => Err("is shorter than 8 bytes"),
        MIN_PASSWORD_BYTES..=MAX_PASSWORD_BYTES => Ok(()),
        _ => Err("is longer than 1,024 bytes"),
    }
}

/// The effects of a new password: the agent's other sessions are revoked.
pub(crate) fn password_set(agent: AgentId, actor: Actor) -> Effects {
    Effects::none().audit(actor, Action::AgentPassword, agent.0).revoke(agent.0)
}
