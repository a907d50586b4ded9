//! The outbox table. Reached across organizations by the relay alone.

use std::{sync::Arc, time::Duration};

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Conn, Database, Result, Time, on};
use onethread_telemetry::metrics::{OUTBOX, OUTBOX_LAG};
use sqlx::query;
use uuid::Uuid;

/// How many deliveries one look takes along.
const BATCH: i64 = 64;
/// How far those that wait are counted.
const COUNTED: i64 = 10_000;

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
/// A JSON array of rows with the ids in hex, the time.
const PUSH_ALL_SQLITE: &str =
    "INSERT INTO outbox (organization_id, id, topic, payload, traceparent, attempts, due_at)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, 0, $2
    FROM json_each($1)";
const PUSH_ALL_POSTGRES: &str =
    "INSERT INTO outbox (organization_id, id, topic, payload, traceparent, attempts, due_at)
    SELECT (value ->> 0)::uuid, (value ->> 1)::uuid, value ->> 2, value ->> 3, value ->> 4, 0, $2
    FROM json_array_elements($1::json)";
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
const MEASURE: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS some),
    (SELECT min(due_at) FROM outbox)";
const STANDS: &str = "SELECT 1 FROM outbox WHERE organization_id = $1 AND id = $2";
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

/// Writes the deliveries of many facts in their common transaction, each with the trace of its own
/// writer (see [`onethread_telemetry::text`]).
pub async fn push_all(
    conn: &mut Conn<'_>,
    entries: &[(Entry, Arc<str>)],
    now: Timestamp,
) -> Result<()> {
    let rows = entries.iter().map(|(entry, trace)| {
        let ids = [entry.organization_id.0, entry.id].map(|id| id.simple().to_string());
        let [organization, id] = ids;
        [organization, id, entry.topic.clone(), entry.payload.clone(), trace.to_string()]
    });
    let rows = serde_json::to_string(&rows.collect::<Vec<_>>()).expect("texts are JSON");
    let text = conn.pick(PUSH_ALL_SQLITE, PUSH_ALL_POSTGRES);
    on!(conn, |c| query(text).bind(rows).bind(Time(now)).execute(&mut **c).await.map(drop))?;
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

/// True while a delivery is still to be acknowledged.
pub(crate) async fn stands(db: &Database, organization: Uuid, id: Uuid) -> Result<bool> {
    db.read("outbox.stands", move |mut conn| {
        Box::pin(async move {
            let found: Option<i32> = on!(&mut conn, |c| sqlx::query_scalar(STANDS)
                .bind(organization)
                .bind(id)
                .fetch_optional(&mut **c)
                .await)?;
            Ok(found.is_some())
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

/// Notes how many deliveries of a service wait, and for how long.
pub async fn measure(db: &Database, service: &str, now: Timestamp) -> Result<()> {
    let (waiting, first): (i64, Option<Time>) = db
        .read("outbox.measure", move |mut conn| {
            Box::pin(async move {
                Ok(on!(&mut conn, |c| sqlx::query_as(MEASURE)
                    .bind(COUNTED)
                    .fetch_one(&mut **c)
                    .await)?)
            })
        })
        .await?;
    let lag = first.map_or(Duration::ZERO, |first| now.since(first.0));
    let of = [("service.name", service)];
    #[expect(clippy::cast_precision_loss, reason = "it is counted no further than 10,000")]
    OUTBOX.set(waiting as f64, &of);
    OUTBOX_LAG.set(lag.as_secs_f64(), &of);
    Ok(())
}
