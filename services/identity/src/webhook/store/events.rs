//! Events of contacts from which deliveries are made. The change that causes one stores it, by
//! `store/effects.rs`.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::{Connection, Error, Result, Sql};
use uuid::Uuid;

use crate::webhook::domain::event::Event;

const ANY: &str = "SELECT 1 FROM webhook_facts LIMIT 1";
const TAKE: Sql = Sql::dialects(
    "DELETE FROM webhook_facts
     WHERE (organization_id, contact_id, event) IN
       (SELECT organization_id, contact_id, event FROM webhook_facts LIMIT $1)
     RETURNING organization_id, contact_id, event",
    "DELETE FROM webhook_facts
     WHERE (organization_id, contact_id, event) IN
       (SELECT organization_id, contact_id, event FROM webhook_facts LIMIT $1
        FOR UPDATE SKIP LOCKED)
     RETURNING organization_id, contact_id, event",
);
pub(crate) const INSERT_SQLITE: &str =
    "INSERT INTO webhook_facts (organization_id, contact_id, event, changes)
     SELECT $1, unhex(value), $3, count(*) FROM json_each($2) WHERE true GROUP BY value
     ON CONFLICT (organization_id, contact_id, event)
     DO UPDATE SET changes = webhook_facts.changes + excluded.changes";
// In the order of ids, so that two batches never wait for each other.
pub(crate) const INSERT_POSTGRES: &str =
    "INSERT INTO webhook_facts (organization_id, contact_id, event, changes)
     SELECT $1, id, $3, count(*) FROM unnest($2::uuid[]) AS c(id) GROUP BY id ORDER BY id
     ON CONFLICT (organization_id, contact_id, event)
     DO UPDATE SET changes = webhook_facts.changes + excluded.changes";

/// An event of a contact. For a merge the contact is the one that was merged into another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ContactEvent {
    pub(crate) organization: OrganizationId,
    pub(crate) contact: ContactId,
    pub(crate) event: Event,
}

/// True when there are events of any organization.
pub(crate) async fn any(conn: &mut Connection) -> Result<bool> {
    conn.query(ANY).exists().await
}

/// Deletes events of any organization and returns them. Events that another transaction has locked
/// are left out.
pub(crate) async fn take(conn: &mut Connection, limit: i64) -> Result<Vec<ContactEvent>> {
    let rows = conn.query(TAKE).bind(limit).all::<(Uuid, Uuid, i64)>().await?;
    let event = |(organization, contact, event): (Uuid, Uuid, i64)| {
        let event = Event::from_bits(event).first().copied();
        Ok(ContactEvent {
            organization: OrganizationId(organization),
            contact: ContactId(contact),
            event: event.ok_or(Error::Corrupt("webhook_facts.event"))?,
        })
    };
    rows.into_iter().map(event).collect()
}
