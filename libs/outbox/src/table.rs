//! The outbox table. Only the relay reads it across organizations.

use std::{sync::Arc, time::Duration};

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Connection, Database, Result, Sql, Time};
use onethread_telemetry::{
    attributes,
    metrics::{OUTBOX, OUTBOX_LAG},
};
use uuid::Uuid;

/// Largest number of deliveries that one statement claims.
const CLAIM_LIMIT: i64 = 64;
/// Largest number of waiting deliveries that is counted exactly.
const COUNT_LIMIT: i64 = 10_000;

/// A delivery to make.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The organization it belongs to.
    pub organization_id: OrganizationId,
    /// Id of the delivery.
    pub id: Uuid,
    /// Kind of the delivery, in the terms of the service that writes it.
    pub topic: String,
    /// Content, in the format of the topic.
    pub payload: String,
}

/// A delivery that the relay has claimed.
#[derive(Debug, onethread_db::FromRow)]
pub(crate) struct Row {
    pub(crate) organization_id: Uuid,
    pub(crate) id: Uuid,
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) traceparent: String,
    pub(crate) attempts: i64,
}

const INSERT: &str =
    "INSERT INTO outbox (organization_id, id, topic, payload, traceparent, attempts, due_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6)";
/// Parameters: a JSON array of rows with the ids in hex, and the time.
const INSERT_ALL_SQLITE: &str =
    "INSERT INTO outbox (organization_id, id, topic, payload, traceparent, attempts, due_at)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, 0, $2
    FROM json_each($1)";
const INSERT_ALL_POSTGRES: &str =
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
const DELETE: &str = "DELETE FROM outbox WHERE organization_id = $1 AND id = $2";
const DELAY: &str = "UPDATE outbox SET due_at = $3 WHERE organization_id = $1 AND id = $2";
const MEASURE: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT $1) AS counted),
    (SELECT min(due_at) FROM outbox)";
const IS_PENDING: &str = "SELECT 1 FROM outbox WHERE organization_id = $1 AND id = $2";
const NEXT_DUE: &str = "SELECT min(due_at) FROM outbox";
const INSERT_ALL: Sql = Sql::dialects(INSERT_ALL_SQLITE, INSERT_ALL_POSTGRES);
const CLAIM: Sql = Sql::dialects(CLAIM_SQLITE, CLAIM_POSTGRES);

/// Writes a delivery in the transaction of its cause, with the caller's trace. It is made when it
/// is due.
///
/// # Errors
///
/// When the database rejects the row.
pub async fn enqueue(conn: &mut Connection, entry: Entry, due: Timestamp) -> Result<()> {
    let insert = conn.query(INSERT).bind(entry.organization_id.0).bind(entry.id);
    let insert = insert
        .bind(entry.topic)
        .bind(entry.payload)
        .bind(onethread_telemetry::current_traceparent());
    insert.bind(Time(due)).execute().await?;
    Ok(())
}

/// Writes the deliveries of several callers in their shared transaction, each with the trace of
/// its caller (see [`onethread_telemetry::current_traceparent`]).
///
/// # Errors
///
/// When the database rejects a row.
pub async fn enqueue_all(
    conn: &mut Connection,
    entries: &[(Entry, Arc<str>)],
    now: Timestamp,
) -> Result<()> {
    conn.query(INSERT_ALL).bind(rows(entries)).bind(Time(now)).execute().await?;
    Ok(())
}

/// The rows as the JSON array that `INSERT_ALL` takes.
fn rows(entries: &[(Entry, Arc<str>)]) -> String {
    let rows = entries.iter().map(|(entry, trace)| {
        let ids = [entry.organization_id.0, entry.id].map(|id| id.simple().to_string());
        let [organization, id] = ids;
        [organization, id, entry.topic.clone(), entry.payload.clone(), trace.to_string()]
    });
    serde_json::to_string(&rows.collect::<Vec<_>>()).expect("texts are JSON")
}

/// When the next delivery is due; `None` without deliveries.
pub(crate) async fn next_due(db: &Database) -> Result<Option<Timestamp>> {
    let due: Option<Time> = db.reader("outbox.due").await?.query(NEXT_DUE).scalar().await?;
    Ok(due.map(|Time(due)| due))
}

/// Claims deliveries that are due, for one relay until `lease`.
pub(crate) async fn claim(db: &Database, now: Timestamp, lease: Timestamp) -> Result<Vec<Row>> {
    let mut conn = db.writer("outbox.claim").await?;
    conn.query(CLAIM).bind(Time(lease)).bind(Time(now)).bind(CLAIM_LIMIT).all().await
}

/// True until a delivery is acknowledged.
pub(crate) async fn is_pending(db: &Database, organization: Uuid, id: Uuid) -> Result<bool> {
    let mut conn = db.reader("outbox.stands").await?;
    conn.query(IS_PENDING).bind(organization).bind(id).exists().await
}

/// Deletes a delivery that was acknowledged.
pub(crate) async fn delete(db: &Database, organization: Uuid, id: Uuid) -> Result<()> {
    let mut conn = db.writer("outbox.done").await?;
    conn.query(DELETE).bind(organization).bind(id).execute().await?;
    Ok(())
}

/// Sets the next attempt of a delivery that failed.
pub(crate) async fn delay(
    db: &Database,
    organization: Uuid,
    id: Uuid,
    due: Timestamp,
) -> Result<()> {
    let mut conn = db.writer("outbox.delay").await?;
    conn.query(DELAY).bind(organization).bind(id).bind(Time(due)).execute().await?;
    Ok(())
}

/// Records in the metrics how many deliveries of a service are pending, and the age of the oldest.
///
/// # Errors
///
/// When the database can't be read.
pub async fn measure(db: &Database, now: Timestamp) -> Result<()> {
    let mut conn = db.reader("outbox.measure").await?;
    let (waiting, oldest): (i64, Option<Time>) =
        conn.query(MEASURE).bind(COUNT_LIMIT).one().await?;
    drop(conn);
    let lag = oldest.map_or(Duration::ZERO, |oldest| now.since(oldest.0));
    let labels = [(attributes::SERVICE, db.namespace())];
    #[expect(clippy::cast_precision_loss, reason = "it is counted no further than 10,000")]
    OUTBOX.set(waiting as f64, &labels);
    OUTBOX_LAG.set(lag.as_secs_f64(), &labels);
    Ok(())
}
