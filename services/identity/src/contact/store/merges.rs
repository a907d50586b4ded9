//! Rows that a merge moves, deletes and leaves.

use onethread_core::{ContactId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use super::{contacts, tracked_events};
use crate::contact::domain::merge::Merge;

// Organization, source, target.
const MOVE_EVENTS: &str =
    "UPDATE contact_events SET contact_id = $3 WHERE organization_id = $1 AND contact_id = $2";
const MOVE_DEVICES: &str =
    "UPDATE devices SET contact_id = $3 WHERE organization_id = $1 AND contact_id = $2";
// So that an erasure of the target deletes them too.
const MOVE_DELIVERIES: &str =
    "UPDATE webhook_deliveries SET contact_id = $3 WHERE organization_id = $1 AND contact_id = $2";
const MOVE_EARLIER_MERGES: &str =
    "UPDATE contact_joins SET into_id = $3 WHERE organization_id = $1 AND into_id = $2";
const INSERT: &str =
    "INSERT INTO contact_joins (organization_id, contact_id, into_id, join_id, created_at)
     VALUES ($1, $2, $3, $4, $5)";
const TARGET: &str =
    "SELECT into_id FROM contact_joins WHERE organization_id = $1 AND contact_id = $2";

/// Merges the source's rows into the target's, except the profile: events, devices,
/// deliveries to webhooks and earlier merges move, the source's row is deleted. Both rows are locked.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    merge: &Merge,
    now: Timestamp,
) -> Result<()> {
    let Merge { id, source, target } = *merge;
    for text in [MOVE_EVENTS, MOVE_DEVICES, MOVE_DELIVERIES, MOVE_EARLIER_MERGES] {
        conn.query(text).bind(organization.0).bind(source.0).bind(target.0).execute().await?;
    }
    tracked_events::delete_excess(conn, organization, target).await?;
    contacts::delete(conn, organization, source).await?;
    let insert = conn.query(INSERT).bind(organization.0).bind(source.0).bind(target.0);
    insert.bind(id).bind(Time(now)).execute().await?;
    Ok(())
}

/// The contact that a merged one is part of now.
pub(crate) async fn target_of(
    conn: &mut Connection,
    organization: OrganizationId,
    source: ContactId,
) -> Result<Option<ContactId>> {
    let select = conn.query(TARGET).bind(organization.0).bind(source.0);
    Ok(select.optional_scalar::<Uuid>().await?.map(ContactId))
}
