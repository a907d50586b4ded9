//! Agents and API keys, as owners keep them, and invitations as agents use them.

use std::time::Duration;

use onethread_core::{AgentId, ApiKeyId, OrganizationId, PageSize, PageToken, Timestamp};
use onethread_errors::{Error, Field, Reason, Result};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{App, login::LoggedInAgent};
use crate::{
    domain::{
        audit::{Actor, Change},
        fields,
        people::{Agent, ApiKey, Role, check_password},
        tokens::{LOGIN_LIFE, RandomToken, RandomUse},
    },
    store::{AgentChange, Changed, KeyRow, ListedAgent},
};

/// How long an invitation may be used.
const INVITATION_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// An agent who may set a password.
pub(crate) struct Invited {
    pub(crate) agent: ListedAgent,
    pub(crate) token: SecretString,
    pub(crate) expires_at: Timestamp,
}

impl App {
    pub(crate) async fn list_agents(
        &self,
        of: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<ListedAgent>, String)> {
        let after = AgentId(after(page_token)?);
        let mut found = self.store.list_agents(of, after, size).await?;
        let next = next(&mut found, size, |one| one.agent.id.0);
        Ok((found, next))
    }

    pub(crate) async fn invite_agent(
        &self,
        of: OrganizationId,
        by: Actor,
        email: &str,
        name: String,
        role: Role,
    ) -> Result<Invited> {
        let email = email.to_lowercase();
        let before_at = || email.split('@').next().unwrap_or_default().to_owned();
        let name = if name.trim().is_empty() { before_at() } else { name };
        let checks = [("/email", fields::email(&email)), ("/name", fields::name(&name))];
        let wrong = checks.into_iter().filter_map(|(at, check)| Some(Field::new(at, check.err()?)));
        let wrong: Vec<_> = wrong.collect();
        if !wrong.is_empty() {
            return Err(Error::invalid_fields(wrong));
        }
        let id = AgentId::generate(&*self.clock, &*self.entropy);
        let agent = Agent { organization_id: of, id, email, name, role };
        let (text, token) = RandomToken::generate(RandomUse::Invitation, of, &*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus(INVITATION_LIFE);
        let invited = self.store.invite_agent(of, agent, token, by, now, expires_at).await;
        let agent = invited
            .map_err(|error| match error {
                // Somebody invited the same person this very moment.
                taken if taken.is_unique_violation() => Error::new(Reason::AgentExists),
                error => error.into(),
            })?
            .ok_or_else(|| Error::new(Reason::AgentExists))?;
        Ok(Invited { agent, token: text.into(), expires_at })
    }

    pub(crate) async fn change_agent(
        &self,
        of: OrganizationId,
        by: Actor,
        id: AgentId,
        name: Option<String>,
        role: Option<Role>,
    ) -> Result<ListedAgent> {
        if let Some(name) = &name {
            let check = if name.trim().is_empty() { Err("is empty") } else { fields::name(name) };
            check.map_err(|detail| Error::invalid("/name", detail))?;
        }
        let (action, detail) = match role {
            Some(role) => ("agent.change", role.name()),
            None => ("agent.change", ""),
        };
        self.with_agent(of, by, id, AgentChange::Settings { name, role }, (action, detail)).await
    }

    pub(crate) async fn remove_agent(
        &self,
        of: OrganizationId,
        by: Actor,
        id: AgentId,
    ) -> Result<()> {
        self.with_agent(of, by, id, AgentChange::Remove, ("agent.remove", "")).await?;
        Ok(())
    }

    pub(crate) async fn reset_agent(
        &self,
        of: OrganizationId,
        by: Actor,
        id: AgentId,
    ) -> Result<Invited> {
        let (text, token) = RandomToken::generate(RandomUse::Invitation, of, &*self.entropy);
        let expires_at = self.clock.now().plus(INVITATION_LIFE);
        let reset = AgentChange::Reset { token_hash: token.hash, expires_at };
        let agent = self.with_agent(of, by, id, reset, ("agent.reset", "")).await?;
        Ok(Invited { agent, token: text.into(), expires_at })
    }

    async fn with_agent(
        &self,
        of: OrganizationId,
        actor: Actor,
        id: AgentId,
        what: AgentChange,
        (action, detail): (&'static str, &str),
    ) -> Result<ListedAgent> {
        let subject = id.to_string();
        let change = Change { actor, action, subject, detail: detail.to_owned() };
        match self.store.change_agent(of, id, what, change, self.clock.now()).await? {
            Changed::Done(agent) => Ok(agent),
            Changed::LastOwner => Err(Error::new(Reason::LastOwner)),
            Changed::Missing => Err(Error::not_found()),
        }
    }

    /// Sets the password of somebody who was invited, and logs them in. A password that can't be
    /// taken uses nothing up.
    pub(crate) async fn accept_invitation(
        &self,
        token: &str,
        password: SecretString,
    ) -> Result<LoggedInAgent> {
        check_password(password.expose_secret())
            .map_err(|detail| Error::invalid("/password", detail))?;
        let refused = || Error::new(Reason::InvitationRefused);
        let token = RandomToken::read(RandomUse::Invitation, token).ok_or_else(refused)?;
        let of = token.organization_id;
        // Whoever guesses shall not keep the machine busy with hashes.
        if !self.store.is_invited(&token, self.clock.now()).await? {
            return Err(refused());
        }
        let password_hash = self.passwords.hash(password).await?;
        let (text, login) = RandomToken::generate(RandomUse::Login, of, &*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus(LOGIN_LIFE);
        let agent = self.store.accept(token, password_hash, login, now, expires_at).await?;
        Ok(LoggedInAgent { agent: agent.ok_or_else(refused)?, token: text.into(), expires_at })
    }

    pub(crate) async fn list_api_keys(
        &self,
        of: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<KeyRow>, String)> {
        let after = ApiKeyId(after(page_token)?);
        let mut found = self.store.list_api_keys(of, after, size).await?;
        let next = next(&mut found, size, |key| key.id);
        Ok((found, next))
    }

    pub(crate) async fn create_api_key(
        &self,
        of: OrganizationId,
        by: Actor,
        name: String,
    ) -> Result<(KeyRow, SecretString)> {
        fields::name(&name).map_err(|detail| Error::invalid("/name", detail))?;
        let (text, token) = RandomToken::generate(RandomUse::ApiKey, of, &*self.entropy);
        let id = ApiKeyId::generate(&*self.clock, &*self.entropy);
        let key = ApiKey { organization_id: of, id };
        let now = self.clock.now();
        let made = self.store.create_api_key(of, key, token, name, by, now).await?;
        Ok((made, text.into()))
    }

    pub(crate) async fn revoke_api_key(
        &self,
        of: OrganizationId,
        by: Actor,
        id: ApiKeyId,
    ) -> Result<()> {
        let revoked = self.store.revoke_api_key(of, id, by, self.clock.now()).await?;
        if revoked { Ok(()) } else { Err(Error::not_found()) }
    }
}

fn after(page_token: &str) -> Result<Uuid> {
    let bad_token = |_| Error::invalid("/cursor", "is not a cursor of this list");
    let after: Option<Uuid> = PageToken::decode(page_token).map_err(bad_token)?;
    Ok(after.unwrap_or_default())
}

/// Cuts off the row that tells whether more follows; the token of the next page.
fn next<T>(rows: &mut Vec<T>, size: PageSize, id: impl Fn(&T) -> Uuid) -> String {
    let more = rows.len() > size.rows();
    rows.truncate(size.rows());
    let last = rows.last().filter(|_| more);
    last.map(|last| PageToken::encode(&id(last))).unwrap_or_default()
}
