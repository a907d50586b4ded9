//! Organizations and their settings.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Result, Sql, Time};

use crate::organization::domain::{policy::Policy, settings::Settings};

const ANY: &str = "SELECT organization_id FROM organizations LIMIT 1";
const INSERT: &str =
    "INSERT INTO organizations (organization_id, name, created_at) VALUES ($1, $2, $3)";
const SETTINGS: &str =
    "SELECT name, policy, report_only FROM organizations WHERE organization_id = $1";
const SETTINGS_LOCKED: Sql = Sql::dialects(
    SETTINGS,
    "SELECT name, policy, report_only FROM organizations WHERE organization_id = $1 FOR UPDATE",
);
const UPDATE_SETTINGS: &str =
    "UPDATE organizations SET name = $2, policy = $3, report_only = $4 WHERE organization_id = $1";

#[derive(onethread_db::FromRow)]
pub(crate) struct SettingsRow {
    pub(crate) name: String,
    pub(crate) policy: String,
    pub(crate) report_only: bool,
}

impl TryFrom<SettingsRow> for Settings {
    type Error = Error;

    fn try_from(row: SettingsRow) -> Result<Self> {
        let policy = row.policy.parse::<Policy>();
        Ok(Self {
            name: row.name,
            policy: policy.map_err(|_| Error::Corrupt("organizations.policy"))?,
            report_only: row.report_only,
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
    update.bind(settings.policy.name()).bind(settings.report_only).execute().await?;
    Ok(())
}
