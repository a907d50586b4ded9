//! Agents' logins.

use onethread_core::Timestamp;
use onethread_db::transaction;
use onethread_errors::{Error, Reason, Result};
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use crate::{
    app::App,
    domain::tokens::{LOGIN_LIFETIME, RandomToken, RandomUse},
    store::effects,
    team::{
        domain::{
            agent::{self, Agent},
            password::MAX_PASSWORD_BYTES,
        },
        store::{agents, logins},
    },
};

/// An agent who has logged in.
#[derive(Debug)]
pub(crate) struct LoggedInAgent {
    pub(crate) agent: Agent,
    pub(crate) token: SecretString,
    pub(crate) expires_at: Timestamp,
}

impl App {
    /// Logs an agent in.
    ///
    /// # Errors
    ///
    /// `LoginRefused` when organization, email address or password are wrong. Neither the error nor
    /// the time reveals which one.
    pub(crate) async fn log_agent_in(
        &self,
        domain: &str,
        email: &str,
        password: SecretString,
    ) -> Result<LoggedInAgent> {
        let rejected = || Error::new(Reason::LoginRefused);
        if password.expose_secret().len() > MAX_PASSWORD_BYTES {
            return Err(rejected());
        }
        let mut conn = self.db.reader("agent.by_email").await?;
        let account = agents::by_domain_and_email(&mut conn, domain, &email.to_lowercase()).await?;
        drop(conn);
        // An invited agent has no password yet. The rejection lasts as long as any other.
        let account = account.filter(|account| account.has_password());
        let (agent, hash) = account.map(|account| (account.agent, account.password_hash)).unzip();
        let matches = self.passwords.verify(password, hash.clone()).await?;
        let agent = match agent {
            Some(agent) if matches => agent,
            Some(agent) => {
                self.record_failed_login(agent);
                return Err(rejected());
            }
            None => return Err(rejected()),
        };
        let organization = agent.organization_id;
        let (text, token) = RandomToken::generate(RandomUse::Login, organization, &*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus(LOGIN_LIFETIME);
        transaction!(self.db, "login.store", |tx| {
            // The password may have been changed while it was checked.
            let current = agents::locked_by_email(tx, organization, &agent.email).await?;
            if current.map(|account| account.password_hash) != hash {
                return Err(rejected());
            }
            logins::delete_expired(tx, organization, agent.id, now).await?;
            logins::insert(tx, agent.id, &token, expires_at).await?;
            let effects = agent::logged_in(agent.id);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        })?;
        Ok(LoggedInAgent { agent, token: text.into(), expires_at })
    }

    /// Writes to the audit log that a password was wrong: in the background, so that the time of the
    /// answer doesn't reveal whether the agent exists.
    fn record_failed_login(&self, agent: Agent) {
        let (db, entropy, now) = (self.db.clone(), self.entropy.clone(), self.clock.now());
        tokio::spawn(async move {
            let recorded: Result<()> = transaction!(db, "login.failed", |tx| {
                let effects = agent::login_failed(agent.id);
                effects::record(tx, agent.organization_id, effects, now, &*entropy).await?;
                Ok(())
            });
            if let Err(error) = recorded {
                warn!(cause = error.chain(), "a failed login is not in the audit log");
            }
        });
    }

    /// Logs an agent out; their streams are checked again. Doing it again changes nothing.
    ///
    /// # Errors
    ///
    /// When the database is unavailable.
    pub(crate) async fn end_login(&self, token: &str) -> Result<()> {
        let Some(token) = RandomToken::read(RandomUse::Login, token) else { return Ok(()) };
        let (organization, now) = (token.organization_id, self.clock.now());
        transaction!(self.db, "login.end", |tx| {
            if let Some(agent) = logins::delete(tx, &token).await? {
                let effects = agent::logged_out(agent);
                effects::record(tx, organization, effects, now, &*self.entropy).await?;
            }
            Ok(())
        })
    }
}
