//! What webhooks are told of contacts: noted in the transaction of the fact, where somebody wants
//! it, and made into deliveries by the worker.

use onethread_core::{ContactId, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Error, Json, Result, Time, on};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{
    Store,
    contacts::{self, Lock},
    joins, sql_webhooks as sql,
};
use crate::domain::{
    webhook::{Event, bits},
    webhook_body::contact_body,
};

/// What a change of a row may be.
pub(super) const OF_CHANGES: [Event; 2] = [Event::Created, Event::Updated];
/// Facts made into deliveries at once.
const BATCH: i64 = 100;

#[derive(sqlx::FromRow)]
struct FactRow {
    organization_id: Uuid,
    contact_id: Uuid,
    event: i64,
}

/// True when a webhook of the organization wants one of these events.
pub(super) async fn wanted(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    events: &[Event],
) -> Result<bool> {
    let bits = bits(events);
    let found: Option<i32> = on!(conn, |c| query_scalar(sql::WANTED)
        .bind(of.0)
        .bind(bits)
        .fetch_optional(&mut **c)
        .await)?;
    Ok(found.is_some())
}

/// Notes an event of these contacts, where a webhook wants it. Costs one look where none does, and
/// one statement more where one does, however many they are.
pub(super) async fn note(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    contacts: &[ContactId],
    event: Event,
) -> Result<()> {
    if contacts.is_empty() || !wanted(conn, of, &[event]).await? {
        return Ok(());
    }
    match conn {
        Conn::Sqlite(c) => {
            let ids: Vec<_> =
                contacts.iter().map(|contact| contact.0.simple().to_string()).collect();
            let note = query(sql::NOTE_FACTS_SQLITE).bind(of.0).bind(Json(ids));
            note.bind(event.bit()).execute(&mut **c).await?;
        }
        Conn::Postgres(c) => {
            let ids: Vec<_> = contacts.iter().map(|contact| contact.0).collect();
            let note = query(sql::NOTE_FACTS_POSTGRES).bind(of.0).bind(ids);
            note.bind(event.bit()).execute(&mut **c).await?;
        }
    }
    Ok(())
}

/// Writes an event of somebody down for every webhook that wants it. A repeat of its id changes
/// nothing.
pub(super) async fn enqueue(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: Uuid,
    event: Event,
    contact: ContactId,
    body: &str,
    now: Timestamp,
) -> Result<()> {
    on!(conn, |c| query(sql::ENQUEUE)
        .bind(of.0)
        .bind(id)
        .bind(event.bit())
        .bind(body)
        .bind(Time(now))
        .bind(contact.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Forgets what webhooks were told, or are to be told, of somebody. The facts go first: whoever is
/// making one into a delivery is waited for, so that the delivery goes as well.
pub(super) async fn forget(conn: &mut Conn<'_>, of: OrganizationId, id: ContactId) -> Result<()> {
    for text in [sql::DELETE_FACTS_OF, sql::DELETE_DELIVERIES_OF] {
        on!(&mut *conn, |c| query(text).bind(of.0).bind(id.0).execute(&mut **c).await.map(drop))?;
    }
    Ok(())
}

impl Store {
    /// Makes noted facts into deliveries. False when there were none.
    pub(crate) async fn expand_facts(&self, now: Timestamp) -> Result<bool> {
        // A look that finds nothing must not cost a write transaction.
        let any: Option<i32> = self
            .db
            .read("webhook.facts", |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::ANY_FACT)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        if any.is_none() {
            return Ok(false);
        }
        let entropy = self.entropy.clone();
        self.db
            .write("webhook.expand", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::TAKE_FACTS_SQLITE, sql::TAKE_FACTS_POSTGRES);
                    let facts: Vec<FactRow> =
                        on!(&mut conn, |c| query_as(text).bind(BATCH).fetch_all(&mut **c).await)?;
                    let any = !facts.is_empty();
                    for fact in facts {
                        let of = OrganizationId(fact.organization_id);
                        let event = Event::from_bits(fact.event).first().copied();
                        let event = event.ok_or(Error::Corrupt("webhook_facts.event"))?;
                        let mut contact = ContactId(fact.contact_id);
                        // A joining is noted of the one who ended.
                        let ended = (event == Event::Joined).then_some(contact);
                        if event == Event::Joined {
                            contact = joins::into(&mut conn, of, contact).await?.unwrap_or(contact);
                        }
                        // Somebody erased meanwhile is told of to nobody. Who erases waits for the
                        // fact's row, or, where that is another one's, for the contact's.
                        let lock = if ended.is_some() { Lock::Yes } else { Lock::No };
                        let found = contacts::by_id(&mut conn, of, contact, lock).await?;
                        if let Some(contact) = found {
                            let id = new_uuid(now, &*entropy);
                            let body = contact_body(id, event, &contact, ended, now);
                            enqueue(&mut conn, of, id, event, contact.id, &body, now).await?;
                        }
                    }
                    Ok(any)
                })
            })
            .await
    }
}
