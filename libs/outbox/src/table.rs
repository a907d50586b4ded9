//! The outbox table. Reached across organizations by the relay alone.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Conn, Database, Result, Time, on};
use sqlx::query;
use uuid::Uuid;

/// How many deliveries one look takes along.
const BATCH: i64 = 64;

/// One delivery to come.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose fact it is.
    pub organization_id: OrganizationId,
    /// Id of the delivery.
    pub id: Uuid,
    /// What kind of fact, in words of the service that writes it.
    pub topic: String,
    /// The fact, in whatever text the topic has.
    pub payload: String,
}

/// A delivery taken up by the relay.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) organization_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) traceparent: String,
    pub(crate) attempts: i64,
}

const PUSH: &str =
    "INSERT INTO outbox (organization_id, id, topic, payload, traceparent, attempts, due_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6)";
const CLAIM_SQLITE: &str = "UPDATE outbox SET attempts = attempts + 1, due_at = $1
    WHERE (organization_id, id) IN (SELECT organization_id, id FROM outbox WHERE due_at <= $2
        ORDER BY due_at LIMIT $3)
    RETURNING organization_id, id, topic, payload, traceparent, attempts";
const CLAIM_POSTGRES: &str = "UPDATE outbox SET attempts = attempts + 1, due_at = $1
    WHERE (organization_id, id) IN (SELECT organization_id, id FROM outbox WHERE due_at <= $2
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING organization_id, id, topic, payload, traceparent, attempts";
const DONE: &str = "DELETE FROM outbox WHERE organization_id = $1 AND id = $2";
const DELAY: &str = "UPDATE outbox SET due_at = $3 WHERE organization_id = $1 AND id = $2";
const DUE: &str = "SELECT 1 FROM outbox WHERE due_at <= $1 LIMIT 1";

/// Writes a delivery in the transaction of its fact. The trace of the writer goes with it.
pub async fn push(conn: &mut Conn<'_>, entry: Entry, now: Timestamp) -> Result<()> {
    let traceparent = onethread_telemetry::text();
    on!(conn, |c| query(PUSH)
        .bind(entry.organization_id.0)
        .bind(entry.id)
        .bind(entry.topic)
        .bind(entry.payload)
        .bind(traceparent)
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Takes up what is due, and keeps it from other relays until `lease`.
pub(crate) async fn claim(db: &Database, now: Timestamp, lease: Timestamp) -> Result<Vec<Row>> {
    // A look that finds nothing must not cost a write transaction.
    let due: Option<i32> = db
        .read("outbox.due", move |mut conn| {
            Box::pin(async move {
                Ok(on!(&mut conn, |c| sqlx::query_scalar(DUE)
                    .bind(Time(now))
                    .fetch_optional(&mut **c)
                    .await)?)
            })
        })
        .await?;
    if due.is_none() {
        return Ok(Vec::new());
    }
    db.write("outbox.claim", move |mut conn| {
        Box::pin(async move {
            let text = conn.pick(CLAIM_SQLITE, CLAIM_POSTGRES);
            Ok(on!(&mut conn, |c| sqlx::query_as(text)
                .bind(Time(lease))
                .bind(Time(now))
                .bind(BATCH)
                .fetch_all(&mut **c)
                .await)?)
        })
    })
    .await
}

/// Forgets a delivery that was acknowledged.
pub(crate) async fn done(db: &Database, organization: Uuid, id: Uuid) -> Result<()> {
    db.write("outbox.done", move |mut conn| {
        Box::pin(async move {
            on!(&mut conn, |c| query(DONE)
                .bind(organization)
                .bind(id)
                .execute(&mut **c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}

/// Sets the next try of a delivery that failed.
pub(crate) async fn delay(
    db: &Database,
    organization: Uuid,
    id: Uuid,
    due: Timestamp,
) -> Result<()> {
    db.write("outbox.delay", move |mut conn| {
        Box::pin(async move {
            on!(&mut conn, |c| query(DELAY)
                .bind(organization)
                .bind(id)
                .bind(Time(due))
                .execute(&mut **c)
                .await
                .map(drop))?;
            Ok(())
        })
    })
    .await
}
