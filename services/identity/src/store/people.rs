//! Agents and API keys as owners keep them, and invitations.

use onethread_core::{AgentId, ApiKeyId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Conn, Result, Time, on};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, agents, audit, revocations, rows::AgentRow, sql};
use crate::domain::{
    audit::{Actor, Change},
    people::{Agent, ApiKey, Role},
    tokens::RandomToken,
};

/// A teammate as owners see them.
#[derive(Debug, Clone)]
pub(crate) struct ListedAgent {
    pub(crate) agent: Agent,
    /// Has no password: invited, or reset.
    pub(crate) invited: bool,
}

/// What becomes of an agent.
#[derive(Debug, Clone)]
pub(crate) enum AgentChange {
    Settings { name: Option<String>, role: Option<Role> },
    Reset { token_hash: Vec<u8>, expires_at: Timestamp },
    Remove,
}

/// What came of a change.
#[derive(Debug)]
pub(crate) enum Changed {
    Done(ListedAgent),
    /// Nobody who owns the organization would be left.
    LastOwner,
    Missing,
}

/// A key without its secret.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct KeyRow {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    created_at: Time,
}

impl KeyRow {
    pub(crate) fn created_at(&self) -> Timestamp {
        self.created_at.0
    }
}

impl TryFrom<AgentRow> for ListedAgent {
    type Error = onethread_db::Error;

    fn try_from(row: AgentRow) -> Result<Self> {
        let invited = row.password_hash.is_empty();
        Ok(Self { agent: row.try_into()?, invited })
    }
}

/// Lets an agent without a password set one with this token alone.
async fn invite(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: AgentId,
    token_hash: &[u8],
    expires: Timestamp,
) -> Result<()> {
    on!(conn, |c| query(sql::PUT_INVITATION)
        .bind(of.0)
        .bind(id.0)
        .bind(token_hash)
        .bind(Time(expires))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Writes name, role and password, whatever has changed.
async fn update(conn: &mut Conn<'_>, agent: &Agent, password_hash: &str) -> Result<()> {
    on!(conn, |c| query(sql::UPDATE_AGENT)
        .bind(agent.organization_id.0)
        .bind(agent.id.0)
        .bind(&agent.name)
        .bind(agent.role.name())
        .bind(password_hash)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Runs a text that takes organization and id alone; true when it found a row.
async fn with_id(
    conn: &mut Conn<'_>,
    text: &'static str,
    of: OrganizationId,
    id: Uuid,
) -> Result<bool> {
    let done = on!(conn, |c| query(text)
        .bind(of.0)
        .bind(id)
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(done > 0)
}

impl Store {
    /// A page of the organization's agents, behind this one, and one more where there is.
    pub(crate) async fn list_agents(
        &self,
        of: OrganizationId,
        after: AgentId,
        size: PageSize,
    ) -> Result<Vec<ListedAgent>> {
        let rows: Vec<AgentRow> =
            self.page("agent.list", sql::LIST_AGENTS, of, after.0, size).await?;
        rows.into_iter().map(ListedAgent::try_from).collect()
    }

    /// Invites somebody, anew where they are invited already. `None` when the e-mail is that of
    /// an agent with a password.
    pub(crate) async fn invite_agent(
        &self,
        of: OrganizationId,
        mut agent: Agent,
        token: RandomToken,
        by: Actor,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Option<ListedAgent>> {
        let entropy = self.entropy.clone();
        self.db
            .write("agent.invite", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::AGENT_OF_EMAIL, sql::AGENT_OF_EMAIL_LOCKED);
                    let held: Option<AgentRow> = on!(&mut conn, |c| query_as(text)
                        .bind(of.0)
                        .bind(&agent.email)
                        .fetch_optional(&mut **c)
                        .await)?;
                    match held {
                        None => agents::insert(&mut conn, &agent, "", now).await?,
                        Some(held) if !held.password_hash.is_empty() => return Ok(None),
                        Some(held) => {
                            agent.id = Agent::try_from(held)?.id;
                            update(&mut conn, &agent, "").await?;
                        }
                    }
                    invite(&mut conn, of, agent.id, &token.hash, expires).await?;
                    let change = Change {
                        actor: by,
                        action: "agent.invite",
                        subject: agent.id.to_string(),
                        detail: agent.role.name().to_owned(),
                    };
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(Some(ListedAgent { agent, invited: true }))
                })
            })
            .await
    }

    /// Changes an agent, unless nobody who owns the organization and can log in were left. The
    /// owners are looked at under locks, so that two who remove each other don't both succeed.
    pub(crate) async fn change_agent(
        &self,
        of: OrganizationId,
        id: AgentId,
        what: AgentChange,
        change: Change,
        now: Timestamp,
    ) -> Result<Changed> {
        let entropy = self.entropy.clone();
        self.db
            .write("agent.change", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::OWNERS, sql::OWNERS_LOCKED);
                    let owners: Vec<Uuid> = on!(&mut conn, |c| query_scalar(text)
                        .bind(of.0)
                        .fetch_all(&mut **c)
                        .await)?;
                    let row: Option<AgentRow> = on!(&mut conn, |c| query_as(sql::AGENT_BY_ID)
                        .bind(of.0)
                        .bind(id.0)
                        .fetch_optional(&mut **c)
                        .await)?;
                    let Some(row) = row else { return Ok(Changed::Missing) };
                    let mut hash = row.password_hash.clone();
                    let mut agent = Agent::try_from(row)?;
                    let stays = matches!(&what,
                        AgentChange::Settings { role, .. } if *role != Some(Role::Agent));
                    if !stays && owners == [id.0] {
                        return Ok(Changed::LastOwner);
                    }
                    let mut ends = true;
                    match what {
                        AgentChange::Settings { name, role } => {
                            agent.name = name.unwrap_or(agent.name);
                            agent.role = role.unwrap_or(agent.role);
                            update(&mut conn, &agent, &hash).await?;
                            ends = false;
                        }
                        AgentChange::Reset { token_hash, expires_at } => {
                            hash.clear();
                            update(&mut conn, &agent, "").await?;
                            invite(&mut conn, of, id, &token_hash, expires_at).await?;
                            with_id(&mut conn, sql::DELETE_LOGINS_OF, of, id.0).await?;
                        }
                        AgentChange::Remove => {
                            with_id(&mut conn, sql::DELETE_AGENT, of, id.0).await?;
                        }
                    }
                    if ends {
                        revocations::insert(&mut conn, of, &[id.0], now, &*entropy).await?;
                    }
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(Changed::Done(ListedAgent { invited: hash.is_empty(), agent }))
                })
            })
            .await
    }

    /// Whether this token may still be used.
    pub(crate) async fn is_invited(&self, token: &RandomToken, now: Timestamp) -> Result<bool> {
        let (of, hash) = (token.organization_id, token.hash.clone());
        let found: Option<Uuid> = self
            .db
            .read("invitation.get", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::INVITATION)
                        .bind(of.0)
                        .bind(&hash)
                        .bind(Time(now))
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(found.is_some())
    }

    /// Uses an invitation up: sets the password and stores a login. `None` when it may not be used
    /// any more.
    pub(crate) async fn accept(
        &self,
        token: RandomToken,
        password_hash: String,
        login: RandomToken,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<Option<Agent>> {
        let entropy = self.entropy.clone();
        self.db
            .write("invitation.accept", move |mut conn| {
                Box::pin(async move {
                    let of = token.organization_id;
                    let id: Option<Uuid> = on!(&mut conn, |c| query_scalar(sql::USE_INVITATION)
                        .bind(of.0)
                        .bind(&token.hash)
                        .bind(Time(now))
                        .fetch_optional(&mut **c)
                        .await)?;
                    let Some(id) = id else { return Ok(None) };
                    let row: AgentRow = on!(&mut conn, |c| query_as(sql::AGENT_BY_ID)
                        .bind(of.0)
                        .bind(id)
                        .fetch_one(&mut **c)
                        .await)?;
                    let agent = Agent::try_from(row)?;
                    update(&mut conn, &agent, &password_hash).await?;
                    on!(&mut conn, |c| query(sql::INSERT_LOGIN)
                        .bind(of.0)
                        .bind(&login.hash)
                        .bind(id)
                        .bind(Time(expires))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    let change = Change {
                        actor: Actor::Agent(agent.id),
                        action: "agent.accept",
                        subject: agent.id.to_string(),
                        detail: String::new(),
                    };
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(Some(agent))
                })
            })
            .await
    }

    /// A page of the organization's keys, behind this one, and one more where there is.
    pub(crate) async fn list_api_keys(
        &self,
        of: OrganizationId,
        after: ApiKeyId,
        size: PageSize,
    ) -> Result<Vec<KeyRow>> {
        self.page("api_key.list", sql::LIST_API_KEYS, of, after.0, size).await
    }

    /// Stores a key's hash.
    pub(crate) async fn create_api_key(
        &self,
        of: OrganizationId,
        key: ApiKey,
        token: RandomToken,
        name: String,
        by: Actor,
        now: Timestamp,
    ) -> Result<KeyRow> {
        let entropy = self.entropy.clone();
        self.db
            .write("api_key.create", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(sql::INSERT_NAMED_API_KEY)
                        .bind(of.0)
                        .bind(key.id.0)
                        .bind(&token.hash)
                        .bind(&name)
                        .bind(Time(now))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    let change = of_key(by, "api-key.create", key.id);
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(KeyRow { id: key.id.0, name, created_at: Time(now) })
                })
            })
            .await
    }

    /// Forgets a key and ends its streams; false when there is no such key.
    pub(crate) async fn revoke_api_key(
        &self,
        of: OrganizationId,
        id: ApiKeyId,
        by: Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let entropy = self.entropy.clone();
        self.db
            .write("api_key.revoke", move |mut conn| {
                Box::pin(async move {
                    if !with_id(&mut conn, sql::DELETE_API_KEY, of, id.0).await? {
                        return Ok(false);
                    }
                    revocations::insert(&mut conn, of, &[id.0], now, &*entropy).await?;
                    let change = of_key(by, "api-key.revoke", id);
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(true)
                })
            })
            .await
    }
}

fn of_key(actor: Actor, action: &'static str, id: ApiKeyId) -> Change {
    Change { actor, action, subject: id.to_string(), detail: String::new() }
}
