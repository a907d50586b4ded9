//! Organizations and their settings.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Result, Sql, Time};

use crate::organization::domain::{
    policy::{Policy, PolicyHistory},
    settings::Settings,
};

const ANY: &str = "SELECT organization_id FROM organizations LIMIT 1";
const INSERT: &str =
    "INSERT INTO organizations (organization_id, name, created_at) VALUES ($1, $2, $3)";
const SETTINGS: &str =
    "SELECT name, policy, report_only, policy_version, hash_required_at, hmac_required_at,
       jwt_required_at
     FROM organizations WHERE organization_id = $1";
const SETTINGS_LOCKED: Sql = Sql::dialects(
    SETTINGS,
    "SELECT name, policy, report_only, policy_version, hash_required_at, hmac_required_at,
       jwt_required_at
     FROM organizations WHERE organization_id = $1 FOR UPDATE",
);
const UPDATE_SETTINGS: &str =
    "UPDATE organizations SET name = $2, policy = $3, report_only = $4, policy_version = $5,
       hash_required_at = $6, hmac_required_at = $7, jwt_required_at = $8
     WHERE organization_id = $1";
const IS_FORMER_NAME: &str = "SELECT 1 FROM former_names WHERE name = $2 AND organization_id <> $1";
const ADD_FORMER_NAME: &str = "INSERT INTO former_names (organization_id, name) VALUES ($1, $2)
     ON CONFLICT (name) DO NOTHING";

#[derive(onethread_db::FromRow)]
pub(crate) struct SettingsRow {
    pub(crate) name: String,
    pub(crate) policy: String,
    pub(crate) report_only: bool,
    #[sqlx(flatten)]
    pub(crate) history: PolicyHistoryRow,
}

/// Columns of an organization.
#[derive(Clone, Copy, onethread_db::FromRow)]
pub(crate) struct PolicyHistoryRow {
    policy_version: i64,
    hash_required_at: i64,
    hmac_required_at: i64,
    jwt_required_at: i64,
}

impl From<PolicyHistoryRow> for PolicyHistory {
    fn from(row: PolicyHistoryRow) -> Self {
        Self {
            version: row.policy_version,
            hash_required_at: row.hash_required_at,
            hmac_required_at: row.hmac_required_at,
            jwt_required_at: row.jwt_required_at,
        }
    }
}

impl TryFrom<SettingsRow> for Settings {
    type Error = Error;

    fn try_from(row: SettingsRow) -> Result<Self> {
        let policy = row.policy.parse::<Policy>();
        Ok(Self {
            name: row.name,
            policy: policy.map_err(|_| Error::Corrupt("organizations.policy"))?,
            report_only: row.report_only,
            history: row.history.into(),
        })
    }
}

/// True when there is an organization.
pub(crate) async fn any(conn: &mut Connection) -> Result<bool> {
    conn.query(ANY).exists().await
}

/// Fails with a unique violation when another organization has the name.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    name: &str,
    now: Timestamp,
) -> Result<()> {
    conn.query(INSERT).bind(organization.0).bind(name).bind(Time(now)).execute().await?;
    Ok(())
}

/// The settings of an organization.
pub(crate) async fn settings(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<Option<Settings>> {
    read(conn, SETTINGS.into(), organization).await
}

/// The settings, locked: changes of one organization wait for each other.
pub(crate) async fn locked_settings(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<Option<Settings>> {
    read(conn, SETTINGS_LOCKED, organization).await
}

async fn read(
    conn: &mut Connection,
    sql: Sql,
    organization: OrganizationId,
) -> Result<Option<Settings>> {
    let row = conn.query(sql).bind(organization.0).optional::<SettingsRow>().await?;
    row.map(Settings::try_from).transpose()
}

/// Fails with a unique violation when another organization has the name.
pub(crate) async fn update_settings(
    conn: &mut Connection,
    organization: OrganizationId,
    settings: &Settings,
) -> Result<()> {
    let update = conn.query(UPDATE_SETTINGS).bind(organization.0).bind(&settings.name);
    let update = update.bind(settings.policy.name()).bind(settings.report_only);
    let PolicyHistory { version, hash_required_at, hmac_required_at, jwt_required_at } =
        settings.history;
    let update = update.bind(version).bind(hash_required_at).bind(hmac_required_at);
    update.bind(jwt_required_at).execute().await?;
    Ok(())
}

/// True when another organization had this name. Read it after the name was written: then a
/// transaction that gives the name up at the same time has ended.
pub(crate) async fn is_former_name(
    conn: &mut Connection,
    organization: OrganizationId,
    name: &str,
) -> Result<bool> {
    conn.query(IS_FORMER_NAME).bind(organization.0).bind(name).exists().await
}

/// Stores a name that an organization gives up.
pub(crate) async fn add_former_name(
    conn: &mut Connection,
    organization: OrganizationId,
    name: &str,
) -> Result<()> {
    conn.query(ADD_FORMER_NAME).bind(organization.0).bind(name).execute().await?;
    Ok(())
}
