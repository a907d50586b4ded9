//! The rows that a session or a visitor's token is checked on.

use std::net::IpAddr;

use onethread_core::{DeviceId, OrganizationId};
use onethread_db::{Connection, Error, Result};

use super::devices;
use crate::{
    contact::{domain::contact::Contact, store::contacts},
    domain::tokens::{ContactToken, DeviceToken},
    organization::{
        domain::settings::Settings,
        store::{blocked_addresses::is_blocked, organizations::PolicyHistoryRow},
    },
    session::domain::{
        session::{Device, SessionRules},
        visitor::VisitorRows,
    },
};

const SETTINGS: &str = "SELECT o.policy, o.report_only, o.policy_version, o.hash_required_at,
       o.hmac_required_at, o.jwt_required_at,
       EXISTS (SELECT 1 FROM blocked_addresses b WHERE b.organization_id = o.organization_id)
         AS blocks,
       EXISTS (SELECT 1 FROM identity_keys k
         WHERE k.organization_id = o.organization_id AND k.id = $2) AS has_key
     FROM organizations o WHERE o.organization_id = $1";

#[derive(onethread_db::FromRow)]
struct SettingsRow {
    policy: String,
    report_only: bool,
    #[sqlx(flatten)]
    history: PolicyHistoryRow,
    blocks: bool,
    has_key: bool,
}

/// The rows that a contact's session is checked on.
#[derive(Debug)]
pub(crate) struct SessionRows {
    /// The device and the contact, if both exist.
    pub(crate) rows: Option<(Device, Contact)>,
    pub(crate) rules: SessionRules,
    /// The address that uses the session is blocked.
    pub(crate) is_address_blocked: bool,
}

/// Reads the rows of a session that is used from this address.
pub(crate) async fn read(
    conn: &mut Connection,
    token: &ContactToken,
    address: Option<IpAddr>,
) -> Result<SessionRows> {
    let organization = token.organization_id;
    let key = token.identity_key.map(|key| key.0);
    let row = conn.query(SETTINGS).bind(organization.0).bind(key).optional::<SettingsRow>();
    let row = row.await?.ok_or(Error::Corrupt("organizations"))?;
    let policy = row.policy.parse().map_err(|_| Error::Corrupt("organizations.policy"))?;
    let (report_only, history) = (row.report_only, row.history.into());
    let settings = Settings { name: String::new(), policy, report_only, history };
    let rules = SessionRules { enforced: settings.enforced(), history, has_key: row.has_key };
    let device = devices::by_id(conn, organization, token.device_id).await?;
    let contact = contacts::by_id(conn, organization, token.contact_id).await?;
    let is_address_blocked = match address.filter(|_| row.blocks) {
        Some(address) => is_blocked(conn, organization, address).await?,
        None => false,
    };
    Ok(SessionRows { rows: device.zip(contact), rules, is_address_blocked })
}

/// Reads the rows that a device token refers to.
pub(crate) async fn read_visitor(
    conn: &mut Connection,
    organization: OrganizationId,
    token: &DeviceToken,
) -> Result<VisitorRows> {
    // Before the devices: if the visitor ends in between, its device row shows it.
    let visitor = contacts::by_id(conn, organization, token.visitor_id).await?;
    let device = devices::by_id(conn, organization, token.device_id).await?;
    let visitor_device = match &visitor {
        None if !token.is_first() => {
            devices::by_id(conn, organization, DeviceId(token.visitor_id.0)).await?
        }
        _ => None,
    };
    Ok(VisitorRows { device, visitor, visitor_device })
}
