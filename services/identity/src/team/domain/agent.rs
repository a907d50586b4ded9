//! Agents, and what follows from changes of them.

use onethread_core::{AgentId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::owners::Owners;
use crate::{
    domain::effects::Effects,
    organization::domain::audit::{Action, Actor},
};

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Role {
    Owner,
    Agent,
}

impl Role {
    /// The name in storage.
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }
}

/// A member of the team.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) organization_id: OrganizationId,
    pub(crate) id: AgentId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: Role,
}

/// An agent and how they log in.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) agent: Agent,
    /// Empty until an invitation is accepted.
    pub(crate) password_hash: String,
}

/// An agent in a list of the team.
#[derive(Debug, Clone)]
pub(crate) struct ListedAgent {
    pub(crate) agent: Agent,
    /// Has no password: invited or reset.
    pub(crate) invited: bool,
}

impl From<Account> for ListedAgent {
    fn from(account: Account) -> Self {
        Self { invited: !account.has_password(), agent: account.agent }
    }
}

impl Account {
    pub(crate) fn has_password(&self) -> bool {
        !self.password_hash.is_empty()
    }

    /// Invites an agent, or invites them again with this name and role.
    ///
    /// # Errors
    ///
    /// `AgentExists` when an agent with this email address has a password.
    pub(crate) fn invite(
        existing: Option<Self>,
        mut new: Agent,
        actor: Actor,
    ) -> Result<(Self, Effects)> {
        if let Some(existing) = existing {
            if existing.has_password() {
                return Err(Error::new(Reason::AgentExists));
            }
            new.id = existing.agent.id;
        }
        let (id, role) = (new.id.0, new.role.name());
        let effects = Effects::none().audit_with(actor, Action::AgentInvite, id, role);
        Ok((Self { agent: new, password_hash: String::new() }, effects))
    }

    /// Sets name and role; `None` leaves them.
    ///
    /// # Errors
    ///
    /// `LastOwner` when the team would have no owner.
    pub(crate) fn change(
        &mut self,
        owners: &Owners,
        name: Option<String>,
        role: Option<Role>,
        actor: Actor,
    ) -> Result<Effects> {
        if role == Some(Role::Agent) {
            owners.check_without(self.agent.id)?;
        }
        if let Some(name) = name {
            self.agent.name = name;
        }
        self.agent.role = role.unwrap_or(self.agent.role);
        let (id, detail) = (self.agent.id.0, role.map_or("", Role::name));
        Ok(Effects::none().audit_with(actor, Action::AgentChange, id, detail))
    }

    /// Removes the password. The agent sets another one with an invitation.
    ///
    /// # Errors
    ///
    /// `LastOwner` when the team would have no owner who can log in.
    pub(crate) fn reset(&mut self, owners: &Owners, actor: Actor) -> Result<Effects> {
        owners.check_without(self.agent.id)?;
        self.password_hash.clear();
        let id = self.agent.id.0;
        Ok(Effects::none().audit(actor, Action::AgentReset, id).revoke(id))
    }

    /// What follows when the agent is removed.
    ///
    /// # Errors
    ///
    /// `LastOwner` when the team would have no owner.
    pub(crate) fn remove(&self, owners: &Owners, actor: Actor) -> Result<Effects> {
        owners.check_without(self.agent.id)?;
        let id = self.agent.id.0;
        Ok(Effects::none().audit(actor, Action::AgentRemove, id).revoke(id))
    }

    /// Sets the first password, by an invitation.
    pub(crate) fn accept(&mut self, password_hash: String) -> Effects {
        self.password_hash = password_hash;
        let id = self.agent.id;
        Effects::none().audit(Actor::Agent(id), Action::AgentAccept, id.0)
    }
}

/// What follows when an agent logs in.
pub(crate) fn logged_in(agent: AgentId) -> Effects {
    Effects::none().audit(Actor::Agent(agent), Action::AgentLogin, agent.0)
}

/// What follows when the password of an agent was wrong.
pub(crate) fn login_failed(agent: AgentId) -> Effects {
    Effects::none().audit(Actor::Agent(agent), Action::AgentLoginFailed, agent.0)
}

/// What follows when an agent logs out: their streams are checked again.
pub(crate) fn logged_out(agent: AgentId) -> Effects {
    Effects::none().revoke(agent.0)
}
