//! The rows that a session or a visitor's token is checked on.

use std::net::IpAddr;

use onethread_core::{ContactId, DeviceId, OrganizationId};
use onethread_db::{Connection, Error, Result};

use super::devices;
use crate::{
    contact::{domain::contact::Contact, store::contacts},
    domain::tokens::DeviceToken,
    organization::{
        domain::{policy::Policy, settings::Settings},
        store::blocked_addresses::is_blocked,
    },
    session::domain::{session::Device, visitor::VisitorRows},
};

const SETTINGS: &str = "SELECT o.policy, o.report_only,
       EXISTS (SELECT 1 FROM blocked_addresses b WHERE b.organization_id = o.organization_id)
     FROM organizations o WHERE o.organization_id = $1";

/// The rows that a contact's session is checked on.
#[derive(Debug)]
pub(crate) struct SessionRows {
    /// The device and the contact, if both exist.
    pub(crate) rows: Option<(Device, Contact)>,
    /// The policy that is enforced.
    pub(crate) policy: Policy,
    /// The address that uses the session is blocked.
    pub(crate) is_address_blocked: bool,
}

/// Reads the rows of a session that is used from this address.
pub(crate) async fn read(
    conn: &mut Connection,
    organization: OrganizationId,
    device_id: DeviceId,
    contact_id: ContactId,
    address: Option<IpAddr>,
) -> Result<SessionRows> {
    let settings: Option<(String, bool, bool)> =
        conn.query(SETTINGS).bind(organization.0).optional().await?;
    let (policy, report_only, blocks) = settings.ok_or(Error::Corrupt("organizations"))?;
    let policy = policy.parse().map_err(|_| Error::Corrupt("organizations.policy"))?;
    let settings = Settings { name: String::new(), policy, report_only };
    let device = devices::by_id(conn, organization, device_id).await?;
    let contact = contacts::by_id(conn, organization, contact_id).await?;
    let is_address_blocked = match address.filter(|_| blocks) {
        Some(address) => is_blocked(conn, organization, address).await?,
        None => false,
    };
    Ok(SessionRows { rows: device.zip(contact), policy: settings.enforced(), is_address_blocked })
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
