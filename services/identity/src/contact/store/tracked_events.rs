//! Events that pages track for contacts.

use onethread_core::{ContactId, OrganizationId, Timestamp};
use onethread_db::{Connection, Json, Result, Time};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::contact::domain::tracked_event::{MAX_SHOWN, MAX_STORED, TrackedEvent};

const INSERT: &str =
    "INSERT INTO contact_events (organization_id, contact_id, id, name, data, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)";
const DELETE_EXCESS: &str =
    "DELETE FROM contact_events WHERE organization_id = $1 AND contact_id = $2 AND id < (
       SELECT id FROM contact_events WHERE organization_id = $1 AND contact_id = $2
       ORDER BY id DESC LIMIT 1 OFFSET $3)";
const LATEST: &str = "SELECT name, data, created_at FROM contact_events
     WHERE organization_id = $1 AND contact_id = $2 ORDER BY id DESC LIMIT $3";
const DELETE_OLD: &str = "DELETE FROM contact_events WHERE created_at < $1";

#[derive(onethread_db::FromRow)]
struct EventRow {
    name: String,
    data: Json<Map<String, Value>>,
    created_at: Time,
}

impl From<EventRow> for TrackedEvent {
    fn from(row: EventRow) -> Self {
        Self { name: row.name, data: row.data.0, at: row.created_at.0 }
    }
}

/// Inserts an event of a contact, which is locked.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    contact: ContactId,
    id: Uuid,
    event: &TrackedEvent,
) -> Result<()> {
    let insert = conn.query(INSERT).bind(organization.0).bind(contact.0).bind(id);
    let insert = insert.bind(&event.name).bind(Json(&event.data)).bind(Time(event.at));
    insert.execute().await?;
    Ok(())
}

/// Deletes the oldest events of a contact beyond the limit.
pub(crate) async fn delete_excess(
    conn: &mut Connection,
    organization: OrganizationId,
    contact: ContactId,
) -> Result<()> {
    let delete = conn.query(DELETE_EXCESS).bind(organization.0).bind(contact.0);
    delete.bind(MAX_STORED - 1).execute().await?;
    Ok(())
}

/// The latest events of a contact, newest first.
pub(crate) async fn latest(
    conn: &mut Connection,
    organization: OrganizationId,
    contact: ContactId,
) -> Result<Vec<TrackedEvent>> {
    let select = conn.query(LATEST).bind(organization.0).bind(contact.0).bind(MAX_SHOWN);
    Ok(select.all::<EventRow>().await?.into_iter().map(TrackedEvent::from).collect())
}

/// Deletes events from before a time, in all organizations.
pub(crate) async fn delete_old(conn: &mut Connection, before: Timestamp) -> Result<()> {
    conn.query(DELETE_OLD).bind(Time(before)).execute().await?;
    Ok(())
}
