//! Agents, their logins, and API keys.

use onethread_core::{AgentId, ApiKeyId, OrganizationId, Timestamp};
use onethread_db::{Conn, Result, Time, on};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, revocations, rows::AgentRow, sql, storable};
use crate::domain::{
    people::{Agent, ApiKey},
    tokens::RandomToken,
};

/// Writes an agent.
pub(super) async fn insert(
    conn: &mut Conn<'_>,
    agent: &Agent,
    password_hash: &str,
    now: Timestamp,
) -> Result<()> {
    on!(conn, |c| query(sql::INSERT_AGENT)
        .bind(agent.organization_id.0)
        .bind(agent.id.0)
        .bind(&agent.email)
        .bind(&agent.name)
        .bind(agent.role.name())
        .bind(password_hash)
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

fn with_hash(mut row: AgentRow) -> Result<(Agent, String)> {
    let hash = std::mem::take(&mut row.password_hash);
    Ok((row.try_into()?, hash))
}

impl Store {
    /// The agent who wants to log in, with the hash of their password.
    pub(crate) async fn agent_by_email(
        &self,
        organization: String,
        email: String,
    ) -> Result<Option<(Agent, String)>> {
        if !storable(&organization) || !storable(&email) {
            return Ok(None);
        }
        let row: Option<AgentRow> = self
            .db
            .read("agent.by_email", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::AGENT_BY_EMAIL)
                        .bind(organization)
                        .bind(email)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        row.map(with_hash).transpose()
    }

    /// Those of the agents that exist.
    pub(crate) async fn agents(&self, of: OrganizationId, ids: Vec<AgentId>) -> Result<Vec<Agent>> {
        let rows: Vec<AgentRow> = self
            .db
            .read("agent.batch", move |mut conn| {
                Box::pin(async move {
                    let mut rows = Vec::with_capacity(ids.len());
                    for id in ids {
                        let row = on!(&mut conn, |c| query_as(sql::AGENT_BY_ID)
                            .bind(of.0)
                            .bind(id.0)
                            .fetch_optional(&mut **c)
                            .await)?;
                        rows.extend(row);
                    }
                    Ok(rows)
                })
            })
            .await?;
        rows.into_iter().map(Agent::try_from).collect()
    }

    /// Stores a login and forgets those of the agent that ran out.
    pub(crate) async fn store_login(
        &self,
        of: OrganizationId,
        agent: AgentId,
        token: RandomToken,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<()> {
        self.db
            .write("login.store", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(sql::DELETE_STALE_LOGINS)
                        .bind(of.0)
                        .bind(agent.0)
                        .bind(Time(now))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    on!(&mut conn, |c| query(sql::INSERT_LOGIN)
                        .bind(of.0)
                        .bind(&token.hash)
                        .bind(agent.0)
                        .bind(Time(expires))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    Ok(())
                })
            })
            .await
    }

    /// Ends a login; streams of the agent are asked for again.
    pub(crate) async fn end_login(&self, token: RandomToken, now: Timestamp) -> Result<()> {
        let entropy = self.entropy.clone();
        self.db
            .write("login.end", move |mut conn| {
                Box::pin(async move {
                    let of = token.organization_id;
                    let agent: Option<Uuid> = on!(&mut conn, |c| query_scalar(sql::DELETE_LOGIN)
                        .bind(of.0)
                        .bind(&token.hash)
                        .fetch_optional(&mut **c)
                        .await)?;
                    revocations::insert(&mut conn, of, agent.as_slice(), now, &*entropy).await
                })
            })
            .await
    }

    /// The agent whose login this is.
    pub(crate) async fn agent_by_login(
        &self,
        token: RandomToken,
        now: Timestamp,
    ) -> Result<Option<Agent>> {
        Ok(self.password_by_login(token, now).await?.map(|(agent, _)| agent))
    }

    /// The agent whose login this is, with the hash of their password.
    pub(crate) async fn password_by_login(
        &self,
        token: RandomToken,
        now: Timestamp,
    ) -> Result<Option<(Agent, String)>> {
        let row: Option<AgentRow> = self
            .db
            .read("login.get", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::AGENT_BY_LOGIN)
                        .bind(token.organization_id.0)
                        .bind(&token.hash)
                        .bind(Time(now))
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        row.map(with_hash).transpose()
    }

    /// The server whose API key this is.
    pub(crate) async fn api_key(&self, token: RandomToken) -> Result<Option<ApiKey>> {
        let of = token.organization_id;
        let id: Option<Uuid> = self
            .db
            .read("api_key.get", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::API_KEY)
                        .bind(of.0)
                        .bind(&token.hash)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(id.map(|id| ApiKey { organization_id: of, id: ApiKeyId(id) }))
    }
}
