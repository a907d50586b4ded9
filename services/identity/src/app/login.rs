//! Agents' logins.

use onethread_core::Timestamp;
use onethread_errors::{Error, Reason, Result};
use secrecy::{ExposeSecret, SecretString};

use super::App;
use crate::domain::{
    people::{Agent, LONGEST_PASSWORD},
    tokens::{LOGIN_LIFE, RandomToken, RandomUse},
};

/// An agent who is in.
#[derive(Debug)]
pub(crate) struct LoggedInAgent {
    pub(crate) agent: Agent,
    pub(crate) token: SecretString,
    pub(crate) expires_at: Timestamp,
}

impl App {
    pub(crate) async fn log_agent_in(
        &self,
        organization: String,
        email: &str,
        password: SecretString,
    ) -> Result<LoggedInAgent> {
        let refused = || Error::new(Reason::LoginRefused);
        if password.expose_secret().len() > LONGEST_PASSWORD {
            return Err(refused());
        }
        let found = self.store.agent_by_email(organization, email.to_lowercase()).await?;
        // Who was only invited has no password yet, and is told no as slowly.
        let (agent, hash) = found.filter(|(_, hash)| !hash.is_empty()).unzip();
        let right = self.passwords.verify(password, hash).await?;
        let agent = agent.filter(|_| right).ok_or_else(refused)?;
        let of = agent.organization_id;
        let (text, token) = RandomToken::generate(RandomUse::Login, of, &*self.entropy);
        let now = self.clock.now();
        let expires_at = now.plus(LOGIN_LIFE);
        self.store.store_login(of, agent.id, token, now, expires_at).await?;
        Ok(LoggedInAgent { agent, token: text.into(), expires_at })
    }

    /// Ends an agent's login; one that is over already stays so.
    pub(crate) async fn end_login(&self, token: &str) -> Result<()> {
        if let Some(token) = RandomToken::read(RandomUse::Login, token) {
            self.store.end_login(token, self.clock.now()).await?;
        }
        Ok(())
    }
}
