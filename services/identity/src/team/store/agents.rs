//! Agents.

use onethread_core::{AgentId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Error, Result, Sql, Time};
use uuid::Uuid;

use crate::{
    store::is_storable,
    team::domain::{
        agent::{Account, Agent, Role},
        owners::Owners,
    },
};

macro_rules! select_agent {
    ($rest:literal) => {
        concat!(
            "SELECT organization_id, id, email, name, role, password_hash FROM agents
             WHERE organization_id = $1 AND ",
            $rest
        )
    };
}

const BY_ID: &str = select_agent!("id = $2");
const BY_EMAIL_LOCKED: Sql =
    Sql::dialects(select_agent!("email = $2"), select_agent!("email = $2 FOR UPDATE"));
const LIST: &str = select_agent!("id > $2 ORDER BY id LIMIT $3");
const BY_DOMAIN_AND_EMAIL: &str =
    "SELECT a.organization_id, a.id, a.email, a.name, a.role, a.password_hash
     FROM organizations o JOIN agents a ON a.organization_id = o.organization_id
     WHERE o.name = $1 AND a.email = $2";
const OWNERS_LOCKED: Sql = Sql::dialects(
    "SELECT id FROM agents WHERE organization_id = $1 AND role = 'owner' AND password_hash <> ''
     ORDER BY id",
    "SELECT id FROM agents WHERE organization_id = $1 AND role = 'owner' AND password_hash <> ''
     ORDER BY id FOR UPDATE",
);
const INSERT: &str =
    "INSERT INTO agents (organization_id, id, email, name, role, password_hash, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const UPDATE: &str = "UPDATE agents SET name = $3, role = $4, password_hash = $5
     WHERE organization_id = $1 AND id = $2";
const SET_PASSWORD: &str =
    "UPDATE agents SET password_hash = $3 WHERE organization_id = $1 AND id = $2";
const REPLACE_PASSWORD: &str = "UPDATE agents SET password_hash = $4
     WHERE organization_id = $1 AND id = $2 AND password_hash = $3";
const DELETE: &str = "DELETE FROM agents WHERE organization_id = $1 AND id = $2";

#[derive(onethread_db::FromRow)]
pub(super) struct AgentRow {
    organization_id: Uuid,
    id: Uuid,
    email: String,
    name: String,
    role: String,
    password_hash: String,
}

impl TryFrom<AgentRow> for Account {
    type Error = Error;

    fn try_from(row: AgentRow) -> Result<Self> {
        let agent = Agent {
            organization_id: OrganizationId(row.organization_id),
            id: AgentId(row.id),
            email: row.email,
            name: row.name,
            role: row.role.parse::<Role>().map_err(|_| Error::Corrupt("agents.role"))?,
        };
        Ok(Self { agent, password_hash: row.password_hash })
    }
}

/// An agent of the organization.
pub(crate) async fn by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: AgentId,
) -> Result<Option<Account>> {
    let row = conn.query(BY_ID).bind(organization.0).bind(id.0).optional::<AgentRow>().await?;
    row.map(Account::try_from).transpose()
}

/// The agent with this email address, locked.
pub(crate) async fn locked_by_email(
    conn: &mut Connection,
    organization: OrganizationId,
    email: &str,
) -> Result<Option<Account>> {
    let query = conn.query(BY_EMAIL_LOCKED).bind(organization.0).bind(email);
    query.optional::<AgentRow>().await?.map(Account::try_from).transpose()
}

/// The agent with this email address in the organization of this domain: before the organization
/// is known.
pub(crate) async fn by_domain_and_email(
    conn: &mut Connection,
    domain: &str,
    email: &str,
) -> Result<Option<Account>> {
    if !is_storable(domain) || !is_storable(email) {
        return Ok(None);
    }
    let query = conn.query(BY_DOMAIN_AND_EMAIL).bind(domain).bind(email);
    query.optional::<AgentRow>().await?.map(Account::try_from).transpose()
}

/// A page of agents behind this one, and one more when another page follows.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    after: AgentId,
    size: PageSize,
) -> Result<Vec<Account>> {
    let query = conn.query(LIST).bind(organization.0).bind(after.0).bind(size.limit_plus_one());
    query.all::<AgentRow>().await?.into_iter().map(Account::try_from).collect()
}

/// The owners who can log in, locked, so that two owners who remove each other don't both succeed.
pub(crate) async fn locked_owners(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<Owners> {
    let ids = conn.query(OWNERS_LOCKED).bind(organization.0).scalars::<Uuid>().await?;
    Ok(Owners(ids.into_iter().map(AgentId).collect()))
}

/// Fails with a unique violation when another agent has the email address.
pub(crate) async fn insert(conn: &mut Connection, account: &Account, now: Timestamp) -> Result<()> {
    let Account { agent, password_hash } = account;
    let insert = conn.query(INSERT).bind(agent.organization_id.0).bind(agent.id.0);
    let insert = insert.bind(&agent.email).bind(&agent.name).bind(agent.role.name());
    insert.bind(password_hash).bind(Time(now)).execute().await?;
    Ok(())
}

/// Writes name, role and password.
pub(crate) async fn update(conn: &mut Connection, account: &Account) -> Result<()> {
    let Account { agent, password_hash } = account;
    let update = conn.query(UPDATE).bind(agent.organization_id.0).bind(agent.id.0);
    let update = update.bind(&agent.name).bind(agent.role.name()).bind(password_hash);
    update.execute().await?;
    Ok(())
}

/// Sets the password of an agent. False when there is none of this id.
pub(crate) async fn set_password(
    conn: &mut Connection,
    organization: OrganizationId,
    id: AgentId,
    password_hash: &str,
) -> Result<bool> {
    let update = conn.query(SET_PASSWORD).bind(organization.0).bind(id.0).bind(password_hash);
    Ok(update.execute().await? > 0)
}

/// Sets the password of an agent if the stored hash is still the old one. False if it is not.
pub(crate) async fn replace_password(
    conn: &mut Connection,
    organization: OrganizationId,
    id: AgentId,
    old_hash: &str,
    new_hash: &str,
) -> Result<bool> {
    let update = conn.query(REPLACE_PASSWORD).bind(organization.0).bind(id.0);
    Ok(update.bind(old_hash).bind(new_hash).execute().await? > 0)
}

/// Deletes an agent, and by foreign keys their logins and invitation.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    id: AgentId,
) -> Result<()> {
    conn.query(DELETE).bind(organization.0).bind(id.0).execute().await?;
    Ok(())
}
