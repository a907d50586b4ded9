//! New passwords: by an agent who says the old one, or by whoever runs the server.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use onethread_core::{Clock, Entropy};
use onethread_db::Database;
use onethread_errors::{Error, Reason, Result};
use secrecy::{ExposeSecret, SecretString};

use super::{App, Passwords};
use crate::{
    domain::{
        audit::Actor,
        people::{LONGEST_PASSWORD, check_password},
        tokens::{RandomToken, RandomUse},
    },
    store::{ROUNDS, Store},
};

/// Random bytes of a password that is made here.
const PASSWORD_BYTES: usize = 15;

impl App {
    /// Changes the password of the agent whose login this is; their other logins end.
    pub(crate) async fn change_password(
        &self,
        login: &str,
        password: SecretString,
        new: SecretString,
    ) -> Result<()> {
        check_password(new.expose_secret())
            .map_err(|detail| Error::invalid("/newPassword", detail))?;
        let wrong = || Error::invalid("/password", "is not the password");
        if password.expose_secret().len() > LONGEST_PASSWORD {
            return Err(wrong());
        }
        let ended = || Error::new(Reason::SessionEnded);
        let token = RandomToken::read(RandomUse::Login, login).ok_or_else(ended)?;
        let held = self.store.password_by_login(token.clone(), self.clock.now()).await?;
        let (agent, hash) = held.ok_or_else(ended)?;
        if !self.passwords.verify(password, Some(hash.clone())).await? {
            return Err(wrong());
        }
        let new = self.passwords.hash(new).await?;
        let (of, by) = (agent.organization_id, Actor::Agent(agent.id));
        let now = self.clock.now();
        let set = self.store.set_password(of, agent.id, (hash, new), Some(token), by, now).await?;
        // Somebody else changed it meanwhile.
        if set { Ok(()) } else { Err(wrong()) }
    }
}

/// Gives an agent a password made by chance, which is told this once; their logins end. `None` when
/// there is no such agent. For whoever runs the server, beside processes that serve, too.
pub(crate) async fn reset_password(
    db: Database,
    clock: &dyn Clock,
    entropy: Arc<dyn Entropy>,
    organization: &str,
    email: &str,
) -> Result<Option<SecretString>> {
    let store = Store::new(db, entropy.clone());
    let mut random = [0; PASSWORD_BYTES];
    entropy.fill(&mut random);
    let password = SecretString::from(URL_SAFE_NO_PAD.encode(random));
    let new = Passwords::new(entropy).hash(password.clone()).await?;
    for _ in 0..ROUNDS {
        let found = store.agent_by_email(organization.to_owned(), email.to_lowercase()).await?;
        let Some((agent, hash)) = found else { return Ok(None) };
        let (of, hashes) = (agent.organization_id, (hash, new.clone()));
        if store.set_password(of, agent.id, hashes, None, Actor::Operator, clock.now()).await? {
            return Ok(Some(password));
        }
    }
    Err(Error::unavailable("the password was changed by others each time"))
}
