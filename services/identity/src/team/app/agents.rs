//! Agents, as owners manage them.

use onethread_core::{AgentId, OrganizationId, PageSize};
use onethread_db::transaction;
use onethread_errors::{Error, Result};

use super::invitations::{INVITATION_LIFETIME, Invitation};
use crate::{
    app::{
        App,
        page::{next_page_token, page_start},
    },
    contact::domain::fields,
    domain::tokens::{RandomToken, RandomUse},
    organization::domain::audit::Actor,
    store::effects,
    team::{
        domain::agent::{ListedAgent, Role},
        store::{agents, invitations, logins},
    },
};

impl App {
    /// A page of agents, and the token of the next one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid page token.
    pub(crate) async fn list_agents(
        &self,
        organization: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<ListedAgent>, String)> {
        let after = AgentId(page_start(page_token)?.unwrap_or_default());
        let mut conn = self.db.reader("agent.list").await?;
        let mut page = agents::page(&mut conn, organization, after, size).await?;
        let next = next_page_token(&mut page, size, |account| account.agent.id.0);
        Ok((page.into_iter().map(ListedAgent::from).collect(), next))
    }

    /// Sets an agent's name and role; `None` leaves them.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid name, `NotFound`, or `LastOwner`.
    pub(crate) async fn change_agent(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: AgentId,
        name: Option<String>,
        role: Option<Role>,
    ) -> Result<ListedAgent> {
        if let Some(name) = &name {
            let check = if name.trim().is_empty() { Err("is empty") } else { fields::name(name) };
            check.map_err(|detail| Error::invalid("agent.name", detail))?;
        }
        let now = self.clock.now();
        transaction!(self.db, "agent.change", |tx| {
            let owners = agents::locked_owners(tx, organization).await?;
            let mut account =
                agents::by_id(tx, organization, id).await?.ok_or_else(Error::not_found)?;
            let effects = account.change(&owners, name.clone(), role, actor)?;
            agents::update(tx, &account).await?;
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(account.into())
        })
    }

    /// Removes an agent and revokes their sessions.
    ///
    /// # Errors
    ///
    /// `NotFound`, or `LastOwner`.
    pub(crate) async fn remove_agent(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: AgentId,
    ) -> Result<()> {
        let now = self.clock.now();
        transaction!(self.db, "agent.change", |tx| {
            let owners = agents::locked_owners(tx, organization).await?;
            let account =
                agents::by_id(tx, organization, id).await?.ok_or_else(Error::not_found)?;
            let effects = account.remove(&owners, actor)?;
            agents::delete(tx, organization, id).await?;
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        })
    }

    /// Removes an agent's password and revokes their sessions. They set another one with the
    /// invitation.
    ///
    /// # Errors
    ///
    /// `NotFound`, or `LastOwner`.
    pub(crate) async fn reset_agent(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: AgentId,
    ) -> Result<Invitation> {
        let (text, token) =
            RandomToken::generate(RandomUse::Invitation, organization, &*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus(INVITATION_LIFETIME);
        let agent = transaction!(self.db, "agent.change", |tx| {
            let owners = agents::locked_owners(tx, organization).await?;
            let mut account =
                agents::by_id(tx, organization, id).await?.ok_or_else(Error::not_found)?;
            let effects = account.reset(&owners, actor)?;
            agents::update(tx, &account).await?;
            invitations::put(tx, id, &token, expires_at).await?;
            logins::delete_others(tx, organization, id, None).await?;
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(account.into())
        })?;
        Ok(Invitation { agent, token: text.into(), expires_at })
    }
}
