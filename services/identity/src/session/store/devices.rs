//! Rows of devices.

use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Result, Sql, Time};
use uuid::Uuid;

use crate::session::domain::session::Device;

macro_rules! select_device {
    ($rest:literal) => {
        concat!(
            "SELECT organization_id, id, contact_id, epoch, platform, last_seen_at, retired
             FROM devices WHERE organization_id = $1 AND ",
            $rest
        )
    };
}

const BY_ID: &str = select_device!("id = $2");
const LOCKED_BY_ID: Sql = Sql::dialects(BY_ID, select_device!("id = $2 FOR UPDATE"));
const OF_CONTACT: &str = select_device!("contact_id = $2 ORDER BY last_seen_at DESC LIMIT 20");
// A row that another process inserted first makes it insert nothing.
const INSERT: &str =
    "INSERT INTO devices (organization_id, id, contact_id, epoch, platform, last_seen_at, retired)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const UPDATE: &str =
    "UPDATE devices SET contact_id = $3, epoch = $4, platform = $5, last_seen_at = $6, retired = $7
     WHERE organization_id = $1 AND id = $2";
const TOUCH: &str = "UPDATE devices SET last_seen_at = $3
     WHERE organization_id = $1 AND id = $2 AND last_seen_at < $3";
const RETIRE_OF_CONTACT: &str =
    "UPDATE devices SET contact_id = NULL, epoch = epoch + 1, platform = '', retired = TRUE
     WHERE organization_id = $1 AND contact_id = $2";
// No session begins on a retired device, so no token of the visitor is valid again.
const RETIRE_VISITOR: &str =
    "INSERT INTO devices (organization_id, id, contact_id, epoch, platform, last_seen_at, retired)
     VALUES ($1, $2, NULL, 0, '', $3, TRUE)
     ON CONFLICT (organization_id, id) DO UPDATE SET contact_id = NULL, retired = TRUE";

#[derive(onethread_db::FromRow)]
pub(crate) struct DeviceRow {
    organization_id: Uuid,
    id: Uuid,
    contact_id: Option<Uuid>,
    epoch: i64,
    platform: String,
    last_seen_at: Time,
    retired: bool,
}

impl From<DeviceRow> for Device {
    fn from(row: DeviceRow) -> Self {
        Self {
            organization_id: OrganizationId(row.organization_id),
            id: DeviceId(row.id),
            contact_id: row.contact_id.map(ContactId),
            epoch: row.epoch,
            platform: row.platform,
            last_seen_at: row.last_seen_at.into(),
            retired: row.retired,
        }
    }
}

/// The device of this id.
pub(crate) async fn by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: DeviceId,
) -> Result<Option<Device>> {
    let select = conn.query(BY_ID).bind(organization.0).bind(id.0);
    Ok(select.optional::<DeviceRow>().await?.map(Device::from))
}

/// The same row, locked until the transaction ends.
pub(crate) async fn locked_by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: DeviceId,
) -> Result<Option<Device>> {
    let select = conn.query(LOCKED_BY_ID).bind(organization.0).bind(id.0);
    Ok(select.optional::<DeviceRow>().await?.map(Device::from))
}

/// The devices that a contact is logged in on, latest use first.
pub(crate) async fn of_contact(
    conn: &mut Connection,
    organization: OrganizationId,
    contact: ContactId,
) -> Result<Vec<Device>> {
    let select = conn.query(OF_CONTACT).bind(organization.0).bind(contact.0);
    Ok(select.all::<DeviceRow>().await?.into_iter().map(Device::from).collect())
}

/// Inserts a row. False when there is one.
pub(crate) async fn insert(conn: &mut Connection, device: &Device) -> Result<bool> {
    Ok(put(conn, INSERT, device).await? == 1)
}

/// Updates a row.
///
/// # Errors
///
/// `Conflict` when there is none.
pub(crate) async fn update(conn: &mut Connection, device: &Device) -> Result<()> {
    if put(conn, UPDATE, device).await? == 1 { Ok(()) } else { Err(Error::Conflict) }
}

async fn put(conn: &mut Connection, text: &'static str, device: &Device) -> Result<u64> {
    let put = conn.query(text).bind(device.organization_id.0).bind(device.id.0);
    let put = put.bind(device.contact_id.map(|id| id.0)).bind(device.epoch);
    let put = put.bind(&device.platform).bind(Time(device.last_seen_at)).bind(device.retired);
    put.execute().await
}

/// Writes when a device was last seen.
pub(crate) async fn touch(
    conn: &mut Connection,
    organization: OrganizationId,
    id: DeviceId,
    now: Timestamp,
) -> Result<()> {
    conn.query(TOUCH).bind(organization.0).bind(id.0).bind(Time(now)).execute().await?;
    Ok(())
}

/// Logs a contact out of all devices.
pub(crate) async fn retire_of_contact(
    conn: &mut Connection,
    organization: OrganizationId,
    contact: ContactId,
) -> Result<()> {
    conn.query(RETIRE_OF_CONTACT).bind(organization.0).bind(contact.0).execute().await?;
    Ok(())
}

/// Makes the tokens of a visitor invalid.
pub(crate) async fn retire_visitor(
    conn: &mut Connection,
    organization: OrganizationId,
    visitor: ContactId,
    now: Timestamp,
) -> Result<()> {
    let retire = conn.query(RETIRE_VISITOR).bind(organization.0).bind(visitor.0);
    retire.bind(Time(now)).execute().await?;
    Ok(())
}
