//! Invitations: sent by owners, accepted by agents.

use std::time::Duration;

use onethread_core::{AgentId, OrganizationId, Timestamp};
use onethread_db::transaction;
use onethread_errors::{Error, Field, Reason, Result};
use secrecy::{ExposeSecret, SecretString};

use super::login::LoggedInAgent;
use crate::{
    app::App,
    contact::domain::fields,
    domain::tokens::{LOGIN_LIFETIME, RandomToken, RandomUse},
    organization::domain::audit::Actor,
    store::effects,
    team::{
        domain::{
            agent::{Account, Agent, ListedAgent, Role},
            password::check_password,
        },
        store::{agents, invitations, logins},
    },
};

/// How long an invitation may be used.
pub(super) const INVITATION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);

/// An invitation to set a password.
pub(crate) struct Invitation {
    pub(crate) agent: ListedAgent,
    pub(crate) token: SecretString,
    pub(crate) expires_at: Timestamp,
}

impl App {
    /// Invites an agent. An agent who has not accepted yet is invited again, and the earlier
    /// invitation becomes invalid.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid email address or name; `AgentExists` when an agent with this
    /// address has a password.
    pub(crate) async fn invite_agent(
        &self,
        organization: OrganizationId,
        actor: Actor,
        email: &str,
        name: String,
        role: Role,
    ) -> Result<Invitation> {
        let email = email.to_lowercase();
        let local_part = || email.split('@').next().unwrap_or_default().to_owned();
        let name = if name.trim().is_empty() { local_part() } else { name };
        let checks = [("email", fields::email(&email)), ("name", fields::name(&name))];
        let invalid =
            checks.into_iter().filter_map(|(at, check)| Some(Field::new(at, check.err()?)));
        let invalid: Vec<_> = invalid.collect();
        if !invalid.is_empty() {
            return Err(Error::invalid_fields(invalid));
        }
        let id = AgentId::generate(&*self.clock, &*self.entropy);
        let new = Agent { organization_id: organization, id, email, name, role };
        let (text, token) =
            RandomToken::generate(RandomUse::Invitation, organization, &*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus(INVITATION_LIFETIME);
        let agent = transaction!(self.db, "agent.invite", |tx| {
            let existing = agents::locked_by_email(tx, organization, &new.email).await?;
            let is_new = existing.is_none();
            let (account, effects) = Account::invite(existing, new.clone(), actor)?;
            if is_new {
                let inserted = agents::insert(tx, &account, now).await;
                inserted.map_err(|error| match error {
                    // Another owner has invited the same agent meanwhile.
                    duplicate if duplicate.is_unique_violation() => Error::new(Reason::AgentExists),
                    error => error.into(),
                })?;
            } else {
                agents::update(tx, &account).await?;
            }
            invitations::put(tx, account.agent.id, &token, expires_at).await?;
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(account.into())
        })?;
        Ok(Invitation { agent, token: text.into(), expires_at })
    }

    /// Sets the password of an invited agent and logs them in. A password that is rejected leaves
    /// the invitation valid.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid password; `InvitationRefused` when the invitation is not valid.
    pub(crate) async fn accept_invitation(
        &self,
        token: &str,
        password: SecretString,
    ) -> Result<LoggedInAgent> {
        check_password(password.expose_secret())
            .map_err(|detail| Error::invalid("password", detail))?;
        let invalid = || Error::new(Reason::InvitationRefused);
        let token = RandomToken::read(RandomUse::Invitation, token).ok_or_else(invalid)?;
        let organization = token.organization_id;
        // Checked before the password is hashed, so that guessed tokens cost no hashing.
        if !self.is_invitation_valid(&token, self.clock.now()).await? {
            return Err(invalid());
        }
        let password_hash = self.passwords.hash(password).await?;
        let (text, login) = RandomToken::generate(RandomUse::Login, organization, &*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus(LOGIN_LIFETIME);
        let account =
            self.use_invitation(&token, &password_hash, (&login, expires_at), now).await?;
        Ok(LoggedInAgent { agent: account.agent, token: text.into(), expires_at })
    }

    /// True while the invitation may be accepted.
    pub(crate) async fn is_invitation_valid(
        &self,
        token: &RandomToken,
        now: Timestamp,
    ) -> Result<bool> {
        let mut conn = self.db.reader("invitation.get").await?;
        Ok(invitations::is_valid(&mut conn, token, now).await?)
    }

    /// Consumes an invitation: stores the password and a login with its expiry.
    ///
    /// # Errors
    ///
    /// `InvitationRefused` when the invitation is not valid.
    pub(crate) async fn use_invitation(
        &self,
        token: &RandomToken,
        password_hash: &str,
        (login, expires_at): (&RandomToken, Timestamp),
        now: Timestamp,
    ) -> Result<Account> {
        let organization = token.organization_id;
        let invalid = || Error::new(Reason::InvitationRefused);
        transaction!(self.db, "invitation.accept", |tx| {
            let id = invitations::consume(tx, token, now).await?.ok_or_else(invalid)?;
            let account = agents::by_id(tx, organization, id).await?;
            let mut account = account.ok_or_else(invalid)?;
            let effects = account.accept(password_hash.to_owned());
            agents::update(tx, &account).await?;
            logins::insert(tx, id, login, expires_at).await?;
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(account)
        })
    }
}
