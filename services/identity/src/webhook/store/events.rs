//! Events of contacts from which deliveries are made. The change that causes one stores it, by
//! `store/effects.rs`.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::{Connection, Error, Result, Sql};
use uuid::Uuid;

use crate::webhook::domain::event::Event;

const ANY: &str = "SELECT 1 FROM webhook_facts LIMIT 1";
/// Deletes events that match a condition and are not locked. Its last parameter is how many.
macro_rules! take {
    ($condition:literal, $limit:literal) => {
        Sql::dialects(
            concat!(
                "DELETE FROM webhook_facts WHERE (organization_id, contact_id, event) IN
                   (SELECT organization_id, contact_id, event FROM webhook_facts
                    WHERE ",
                $condition,
                " LIMIT ",
                $limit,
                ") RETURNING organization_id, contact_id, event, bulk, traceparent"
            ),
            concat!(
                "DELETE FROM webhook_facts WHERE (organization_id, contact_id, event) IN
                   (SELECT organization_id, contact_id, event FROM webhook_facts
                    WHERE ",
                $condition,
                " LIMIT ",
                $limit,
                " FOR UPDATE SKIP LOCKED)
                 RETURNING organization_id, contact_id, event, bulk, traceparent"
            ),
        )
    };
}

const TAKE_LIVE: Sql = take!("NOT bulk", "$1");
const TAKE_BULK: Sql = take!("bulk", "$1");
const TAKE_OF_CONTACT: Sql = take!("organization_id = $1 AND contact_id = $2", "$3");
pub(crate) const INSERT_SQLITE: &str =
    "INSERT INTO webhook_facts (organization_id, contact_id, event, changes, bulk, traceparent)
     SELECT $1, unhex(value), $3, count(*), $4, $5 FROM json_each($2) WHERE true GROUP BY value
     ON CONFLICT (organization_id, contact_id, event)
     DO UPDATE SET changes = webhook_facts.changes + excluded.changes,
       bulk = webhook_facts.bulk AND excluded.bulk";
// In the order of ids, so that two batches never wait for each other.
pub(crate) const INSERT_POSTGRES: &str =
    "INSERT INTO webhook_facts (organization_id, contact_id, event, changes, bulk, traceparent)
     SELECT $1, id, $3, count(*), $4, $5 FROM unnest($2::uuid[]) AS c(id) GROUP BY id ORDER BY id
     ON CONFLICT (organization_id, contact_id, event)
     DO UPDATE SET changes = webhook_facts.changes + excluded.changes,
       bulk = webhook_facts.bulk AND excluded.bulk";

/// An event of a contact. For a merge the contact is the one that was merged into another.
#[derive(Debug, Clone)]
pub(crate) struct ContactEvent {
    pub(crate) organization: OrganizationId,
    pub(crate) contact: ContactId,
    pub(crate) event: Event,
    /// An import caused it.
    pub(crate) bulk: bool,
    /// The trace of its first cause.
    pub(crate) traceparent: Option<String>,
}

/// True when there are events of any organization.
pub(crate) async fn any(conn: &mut Connection) -> Result<bool> {
    conn.query(ANY).exists().await
}

/// Deletes events of any organization and returns them: those of imports when there are no others.
/// Events that another transaction has locked are left out.
pub(crate) async fn take(conn: &mut Connection, limit: i64) -> Result<Vec<ContactEvent>> {
    let live = conn.query(TAKE_LIVE).bind(limit).all::<EventRow>().await?;
    if !live.is_empty() {
        return typed(live);
    }
    typed(conn.query(TAKE_BULK).bind(limit).all().await?)
}

/// Deletes the events of a contact and returns them, but not those that another transaction has
/// locked.
pub(crate) async fn take_of_contact(
    conn: &mut Connection,
    organization: OrganizationId,
    contact: ContactId,
) -> Result<Vec<ContactEvent>> {
    let take = conn.query(TAKE_OF_CONTACT).bind(organization.0).bind(contact.0);
    // There is one row for each kind of event.
    let limit = i64::try_from(Event::all().len()).unwrap_or(i64::MAX);
    typed(take.bind(limit).all().await?)
}

type EventRow = (Uuid, Uuid, i64, bool, Option<String>);

fn typed(rows: Vec<EventRow>) -> Result<Vec<ContactEvent>> {
    let event = |(organization, contact, event, bulk, traceparent): EventRow| {
        let event = Event::from_bits(event).first().copied();
        Ok(ContactEvent {
            organization: OrganizationId(organization),
            contact: ContactId(contact),
            event: event.ok_or(Error::Corrupt("webhook_facts.event"))?,
            bulk,
            traceparent,
        })
    };
    rows.into_iter().map(event).collect()
}
