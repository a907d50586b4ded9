//! Makes deliveries from the events of contacts.

use onethread_core::{Entropy, Timestamp, new_uuid};
use onethread_db::{Connection, Database, transaction};
use onethread_errors::Result;

use crate::{
    contact::store::{contacts, merges},
    webhook::{
        domain::{body::contact_body, event::Event},
        store::{
            deliveries::{self, NewDelivery},
            events::{self, ContactEvent},
        },
    },
};

/// Events of one transaction, at most.
const BATCH_SIZE: i64 = 100;

/// Makes deliveries from a batch of events. False when there were none.
pub(crate) async fn expand_events(
    db: &Database,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<bool> {
    let mut conn = db.reader("webhook.facts").await?;
    // Without events no write transaction is opened.
    if !events::any(&mut conn).await? {
        return Ok(false);
    }
    drop(conn);
    transaction!(db, "webhook.expand", |tx| {
        let events = events::take(tx, BATCH_SIZE).await?;
        for event in &events {
            expand(tx, event, entropy, now).await?;
        }
        Ok(!events.is_empty())
    })
}

/// Makes deliveries from one event. An erased contact's event makes none: erasing waits for the
/// event's row, or, when that is another contact's, for the contact's.
pub(super) async fn expand(
    conn: &mut Connection,
    event: &ContactEvent,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<()> {
    let &ContactEvent { organization, contact, event, bulk, ref traceparent } = event;
    let (found, merged) = if event == Event::Merged {
        let into = merges::target_of(conn, organization, contact).await?;
        let into = into.unwrap_or(contact);
        let found = contacts::locked_by_id(conn, organization, into).await?;
        (found, Some(contact))
    } else {
        (contacts::by_id(conn, organization, contact).await?, None)
    };
    let Some(contact) = found else { return Ok(()) };
    let id = new_uuid(now, entropy);
    let body = contact_body(id, event, &contact, merged, now);
    let (contact, traceparent) = (contact.id, traceparent.as_deref());
    let new = NewDelivery { id, event, body: &body, contact, bulk, traceparent };
    deliveries::enqueue(conn, organization, new, now).await?;
    Ok(())
}
