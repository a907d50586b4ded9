//! New passwords: set by an agent who knows the old one, or by the operator of the server.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use onethread_core::{AgentId, Clock, Entropy, OrganizationId, Timestamp};
use onethread_db::{Connection, Database, transaction};
use onethread_errors::{Error, Reason, Result};
use secrecy::{ExposeSecret, SecretString};

use super::password_hasher::PasswordHasher;
use crate::{
    app::App,
    domain::tokens::{RandomToken, RandomUse},
    organization::domain::audit::Actor,
    store::effects,
    team::{
        domain::password::{MAX_PASSWORD_BYTES, check_password, password_set},
        store::{agents, invitations, logins},
    },
};

/// Random bytes of a generated password.
const PASSWORD_BYTES: usize = 15;

impl App {
    /// Changes the password of the agent who is logged in. Their other logins are revoked.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid new password or a wrong old one; `SessionEnded` when the login
    /// is none.
    pub(crate) async fn change_password(
        &self,
        login: &str,
        password: SecretString,
        new: SecretString,
    ) -> Result<()> {
        check_password(new.expose_secret())
            .map_err(|detail| Error::invalid("new_password", detail))?;
        let wrong = || Error::invalid("password", "is not the password");
        if password.expose_secret().len() > MAX_PASSWORD_BYTES {
            return Err(wrong());
        }
        let session_ended = || Error::new(Reason::SessionEnded);
        let login = RandomToken::read(RandomUse::Login, login).ok_or_else(session_ended)?;
        let mut conn = self.db.reader("login.get").await?;
        let account = logins::agent_by_token(&mut conn, &login, self.clock.now()).await?;
        drop(conn);
        let account = account.ok_or_else(session_ended)?;
        let old_hash = account.password_hash;
        if !self.passwords.verify(password, Some(old_hash.clone())).await? {
            return Err(wrong());
        }
        let new_hash = self.passwords.hash(new).await?;
        let (organization, id) = (account.agent.organization_id, account.agent.id);
        let now = self.clock.now();
        transaction!(self.db, "agent.password", |tx| {
            // Another call may have changed the password meanwhile.
            if !agents::replace_password(tx, organization, id, &old_hash, &new_hash).await? {
                return Err(wrong());
            }
            revoke_other_access(tx, organization, id, Some(&login)).await?;
            let effects = password_set(id, Actor::Agent(id));
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(())
        })
    }
}

/// Revokes an agent's logins except for one, and their invitation: an agent with a password needs
/// none.
async fn revoke_other_access(
    conn: &mut Connection,
    organization: OrganizationId,
    agent: AgentId,
    except: Option<&RandomToken>,
) -> Result<()> {
    logins::delete_others(conn, organization, agent, except).await?;
    invitations::delete(conn, organization, agent).await?;
    Ok(())
}

/// Sets a generated password of an agent, revokes their logins, and returns the password. `None` when there is no
/// such agent. For the operator of the server, also while other processes serve.
///
/// # Errors
///
/// When the database is away.
pub(crate) async fn reset_password(
    db: Database,
    clock: &dyn Clock,
    entropy: Arc<dyn Entropy>,
    domain: &str,
    email: &str,
) -> Result<Option<SecretString>> {
    let mut random = [0; PASSWORD_BYTES];
    entropy.fill(&mut random);
    let password = SecretString::from(URL_SAFE_NO_PAD.encode(random));
    let hash = PasswordHasher::new(entropy.clone()).hash(password.clone()).await?;
    let (email, now): (_, Timestamp) = (email.to_lowercase(), clock.now());
    let found = transaction!(db, "agent.password", |tx| {
        let Some(account) = agents::by_domain_and_email(tx, domain, &email).await? else {
            return Ok(false);
        };
        let (organization, id) = (account.agent.organization_id, account.agent.id);
        if !agents::set_password(tx, organization, id, &hash).await? {
            return Ok(false);
        }
        revoke_other_access(tx, organization, id, None).await?;
        let effects = password_set(id, Actor::Operator);
        effects::record(tx, organization, effects, now, &*entropy).await?;
        Ok(true)
    })?;
    Ok(found.then_some(password))
}
