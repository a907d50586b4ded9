//! Agents' logins.

use onethread_core::{AgentId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use super::agents::AgentRow;
use crate::{domain::tokens::RandomToken, team::domain::agent::Account};

const INSERT: &str = "INSERT INTO logins (organization_id, token_hash, agent_id, expires_at)
     VALUES ($1, $2, $3, $4)";
const AGENT_BY_TOKEN: &str =
    "SELECT a.organization_id, a.id, a.email, a.name, a.role, a.password_hash
     FROM logins l JOIN agents a ON a.organization_id = l.organization_id AND a.id = l.agent_id
     WHERE l.organization_id = $1 AND l.token_hash = $2 AND l.expires_at > $3";
const DELETE: &str =
    "DELETE FROM logins WHERE organization_id = $1 AND token_hash = $2 RETURNING agent_id";
const DELETE_EXPIRED: &str =
    "DELETE FROM logins WHERE organization_id = $1 AND agent_id = $2 AND expires_at <= $3";
const DELETE_OTHERS: &str =
    "DELETE FROM logins WHERE organization_id = $1 AND agent_id = $2 AND token_hash <> $3";

/// Stores a login.
pub(crate) async fn insert(
    conn: &mut Connection,
    agent: AgentId,
    token: &RandomToken,
    expires_at: Timestamp,
) -> Result<()> {
    let insert = conn.query(INSERT).bind(token.organization_id.0).bind(&token.hash);
    insert.bind(agent.0).bind(Time(expires_at)).execute().await?;
    Ok(())
}

/// The agent of a login.
pub(crate) async fn agent_by_token(
    conn: &mut Connection,
    token: &RandomToken,
    now: Timestamp,
) -> Result<Option<Account>> {
    let query = conn.query(AGENT_BY_TOKEN).bind(token.organization_id.0).bind(&token.hash);
    let row = query.bind(Time(now)).optional::<AgentRow>().await?;
    row.map(Account::try_from).transpose()
}

/// Deletes a login and returns its agent.
pub(crate) async fn delete(conn: &mut Connection, token: &RandomToken) -> Result<Option<AgentId>> {
    let delete = conn.query(DELETE).bind(token.organization_id.0).bind(&token.hash);
    Ok(delete.optional_scalar::<Uuid>().await?.map(AgentId))
}

/// Deletes an agent's logins that have expired.
pub(crate) async fn delete_expired(
    conn: &mut Connection,
    organization: OrganizationId,
    agent: AgentId,
    now: Timestamp,
) -> Result<()> {
    let delete = conn.query(DELETE_EXPIRED).bind(organization.0).bind(agent.0);
    delete.bind(Time(now)).execute().await?;
    Ok(())
}

/// Deletes an agent's logins, except for one.
pub(crate) async fn delete_others(
    conn: &mut Connection,
    organization: OrganizationId,
    agent: AgentId,
    except: Option<&RandomToken>,
) -> Result<()> {
    // No token has an empty hash.
    let hash = except.map_or(&[][..], |token| &token.hash[..]);
    let delete = conn.query(DELETE_OTHERS).bind(organization.0).bind(agent.0);
    delete.bind(hash).execute().await?;
    Ok(())
}
