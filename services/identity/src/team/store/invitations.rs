//! Invitations, at most one for an agent.

use onethread_core::{AgentId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use crate::domain::tokens::RandomToken;

const PUT: &str = "INSERT INTO invitations (organization_id, agent_id, token_hash, expires_at)
     VALUES ($1, $2, $3, $4) ON CONFLICT (organization_id, agent_id)
     DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at";
const IS_VALID: &str = "SELECT agent_id FROM invitations
     WHERE organization_id = $1 AND token_hash = $2 AND expires_at > $3";
const CONSUME: &str =
    "DELETE FROM invitations WHERE organization_id = $1 AND token_hash = $2 AND expires_at > $3
     RETURNING agent_id";
const DELETE: &str = "DELETE FROM invitations WHERE organization_id = $1 AND agent_id = $2";

/// Stores an invitation. An earlier one of the agent becomes invalid.
pub(crate) async fn put(
    conn: &mut Connection,
    agent: AgentId,
    token: &RandomToken,
    expires_at: Timestamp,
) -> Result<()> {
    let put = conn.query(PUT).bind(token.organization_id.0).bind(agent.0);
    put.bind(&token.hash).bind(Time(expires_at)).execute().await?;
    Ok(())
}

/// True while the token may be used.
pub(crate) async fn is_valid(
    conn: &mut Connection,
    token: &RandomToken,
    now: Timestamp,
) -> Result<bool> {
    let query = conn.query(IS_VALID).bind(token.organization_id.0).bind(&token.hash);
    query.bind(Time(now)).exists().await
}

/// Deletes the invitation and returns its agent. `None` when the token is not valid.
pub(crate) async fn consume(
    conn: &mut Connection,
    token: &RandomToken,
    now: Timestamp,
) -> Result<Option<AgentId>> {
    let delete = conn.query(CONSUME).bind(token.organization_id.0).bind(&token.hash);
    let agent = delete.bind(Time(now)).optional_scalar::<Uuid>().await?;
    Ok(agent.map(AgentId))
}

/// Deletes an agent's invitation, if there is one.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    agent: AgentId,
) -> Result<()> {
    conn.query(DELETE).bind(organization.0).bind(agent.0).execute().await?;
    Ok(())
}
