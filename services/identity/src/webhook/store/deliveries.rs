//! Deliveries.

use std::time::Duration;

use onethread_core::{ContactId, OrganizationId, PageSize, Timestamp, WebhookId};
use onethread_db::{Connection, Error, Result, Sql, Time};
use uuid::Uuid;

use crate::webhook::domain::{
    delivery::{
        Attempt, Backlog, Delivery, LeasedDelivery, MAX_BLOCKING_ATTEMPTS, MAX_WAITING_DELIVERIES,
    },
    event::Event,
};

const ENQUEUE: &str = "INSERT INTO webhook_deliveries
       (organization_id, webhook_id, id, event, body, attempts, due_at, created_at, contact_id, bulk,
        traceparent)
     SELECT organization_id, id, $2, $3, $4, 0, $5, $5, $6, $7, $8 FROM webhooks
     WHERE organization_id = $1 AND (events & $3) <> 0
     ON CONFLICT (organization_id, webhook_id, id) DO NOTHING";
/// The deliveries before a live one of the same contact are as urgent as it is.
const HASTEN: &str = "UPDATE webhook_deliveries SET bulk = false
     WHERE organization_id = $1 AND contact_id = $2 AND bulk AND due_at IS NOT NULL";
const LIST: &str = "SELECT id, event, attempts, status, failure, created_at, tried_at, due_at
     FROM webhook_deliveries WHERE organization_id = $1 AND webhook_id = $2 AND id < $3
     ORDER BY id DESC LIMIT $4";
/// Leases due deliveries, but none for which an earlier one of the same contact waits or runs.
macro_rules! lease {
    ($lock:literal) => {
        concat!(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, due_at = $4
             WHERE (organization_id, webhook_id, id) IN
               (SELECT d.organization_id, d.webhook_id, d.id FROM webhook_deliveries d
                WHERE d.organization_id = $1 AND d.webhook_id = $2 AND d.bulk = $6
                  AND d.due_at IS NOT NULL AND d.due_at <= $3
                  AND NOT EXISTS (SELECT 1 FROM webhook_deliveries earlier
                    WHERE earlier.organization_id = $1 AND earlier.webhook_id = $2
                      AND earlier.contact_id = d.contact_id AND earlier.due_at IS NOT NULL
                      AND earlier.attempts < $7
                      AND (earlier.created_at, earlier.event, earlier.id)
                        < (d.created_at, d.event, d.id))
                ORDER BY d.due_at LIMIT $5",
            $lock,
            ") RETURNING id, body, attempts, created_at, bulk, traceparent"
        )
    };
}

const LEASE: Sql = Sql::dialects(lease!(""), lease!(" FOR UPDATE OF d SKIP LOCKED"));
// The body is deleted when no further attempt is due.
const RECORD_ATTEMPT: &str =
    "UPDATE webhook_deliveries SET status = $5, failure = $6, tried_at = $7, due_at = $8,
       body = CASE WHEN $9 THEN '' ELSE body END
     WHERE organization_id = $1 AND webhook_id = $2 AND id = $3 AND attempts = $4
       AND due_at IS NOT NULL";
const MEASURE: &str = "SELECT
    (SELECT count(*) FROM
      (SELECT 1 FROM webhook_deliveries WHERE due_at IS NOT NULL LIMIT $1) AS counted),
    (SELECT min(due_at) FROM webhook_deliveries WHERE due_at IS NOT NULL)";
const BACKLOGS: &str = "SELECT d.organization_id, d.webhook_id, d.waiting, w.failing_since FROM
       (SELECT organization_id, webhook_id, count(*) AS waiting FROM webhook_deliveries
        WHERE due_at IS NOT NULL GROUP BY organization_id, webhook_id HAVING count(*) > $1) d
     JOIN webhooks w ON w.organization_id = d.organization_id AND w.id = d.webhook_id";
const GIVE_UP: &str = "UPDATE webhook_deliveries SET due_at = NULL, failure = $4, body = ''
     WHERE (organization_id, webhook_id, id) IN
       (SELECT organization_id, webhook_id, id FROM webhook_deliveries
        WHERE organization_id = $1 AND webhook_id = $2 AND due_at IS NOT NULL
        ORDER BY bulk DESC, id LIMIT $3)";
const DELETE_OLD: &str = "DELETE FROM webhook_deliveries WHERE created_at < $1";

/// Failure of a delivery that was given up because too many waited.
const BACKLOG: &str = "backlog";

#[derive(onethread_db::FromRow)]
struct DeliveryRow {
    id: Uuid,
    event: i64,
    attempts: i64,
    status: Option<i64>,
    failure: Option<String>,
    created_at: Time,
    tried_at: Option<Time>,
    due_at: Option<Time>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;

    fn try_from(row: DeliveryRow) -> Result<Self> {
        let event = Event::from_bits(row.event).first().copied();
        Ok(Self {
            id: row.id,
            event: event.ok_or(Error::Corrupt("webhook_deliveries.event"))?,
            attempts: row.attempts,
            status: row.status,
            failure: row.failure,
            created_at: row.created_at.0,
            attempted_at: row.tried_at.map(Timestamp::from),
            due_at: row.due_at.map(Timestamp::from),
        })
    }
}

/// A contact's event, which each webhook that wants it is notified of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewDelivery<'a> {
    /// Id of the event.
    pub(crate) id: Uuid,
    pub(crate) event: Event,
    pub(crate) body: &'a str,
    pub(crate) contact: ContactId,
    /// An import caused it.
    pub(crate) bulk: bool,
    /// The trace of its cause.
    pub(crate) traceparent: Option<&'a str>,
}

/// Stores an event for every webhook that wants it. A repeat of its id changes nothing.
pub(crate) async fn enqueue(
    conn: &mut Connection,
    organization: OrganizationId,
    new: NewDelivery<'_>,
    now: Timestamp,
) -> Result<()> {
    let contact = new.contact.0;
    if !new.bulk {
        conn.query(HASTEN).bind(organization.0).bind(contact).execute().await?;
    }
    let enqueue = conn.query(ENQUEUE).bind(organization.0).bind(new.id).bind(new.event.bit());
    let enqueue = enqueue.bind(new.body).bind(Time(now)).bind(contact).bind(new.bulk);
    enqueue.bind(new.traceparent).execute().await?;
    Ok(())
}

/// A page of a webhook's deliveries before this event, newest first, and one more when another page
/// follows.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    webhook: WebhookId,
    before: Uuid,
    size: PageSize,
) -> Result<Vec<Delivery>> {
    let query = conn.query(LIST).bind(organization.0).bind(webhook.0).bind(before);
    let rows = query.bind(size.limit_plus_one()).all::<DeliveryRow>().await?;
    rows.into_iter().map(Delivery::try_from).collect()
}

type LeasedRow = (Uuid, String, i64, Time, bool, Option<String>);

/// Leases due deliveries of a webhook, those of imports or the others: other workers skip them until
/// the lease expires.
pub(crate) async fn lease(
    conn: &mut Connection,
    organization: OrganizationId,
    webhook: WebhookId,
    (now, lease_ends_at): (Timestamp, Timestamp),
    bulk: bool,
    limit: i64,
) -> Result<Vec<LeasedDelivery>> {
    let lease = conn.query(LEASE).bind(organization.0).bind(webhook.0).bind(Time(now));
    let lease = lease.bind(Time(lease_ends_at)).bind(limit).bind(bulk).bind(MAX_BLOCKING_ATTEMPTS);
    let rows = lease.all::<LeasedRow>().await?;
    let delivery = |(id, body, attempts, created_at, bulk, traceparent): LeasedRow| {
        let (created_at, traceparent) = (created_at.0, traceparent.unwrap_or_default());
        LeasedDelivery { id, body, attempts, created_at, bulk, traceparent }
    };
    Ok(rows.into_iter().map(delivery).collect())
}

/// Stores the result of an attempt, unless another worker has leased the delivery since.
pub(crate) async fn record_attempt(
    conn: &mut Connection,
    organization: OrganizationId,
    webhook: WebhookId,
    delivery: &LeasedDelivery,
    attempt: Attempt,
) -> Result<()> {
    let update = conn.query(RECORD_ATTEMPT).bind(organization.0).bind(webhook.0);
    let update = update.bind(delivery.id).bind(delivery.attempts);
    let update = update.bind(attempt.status.map(i64::from)).bind(attempt.failure);
    let update = update.bind(Time(attempt.at)).bind(attempt.due_at.map(Time));
    update.bind(attempt.due_at.is_none()).execute().await?;
    Ok(())
}

/// How many deliveries of all organizations wait, counted to 10,000, and for how long the first of
/// them has been due.
pub(crate) async fn measure(conn: &mut Connection, now: Timestamp) -> Result<(f64, Duration)> {
    let query = conn.query(MEASURE).bind(MAX_WAITING_DELIVERIES);
    let (waiting, first): (i64, Option<Time>) = query.one().await?;
    #[expect(clippy::cast_precision_loss, reason = "it is counted no further than 10,000")]
    let waiting = waiting as f64;
    Ok((waiting, first.map_or(Duration::ZERO, |first| now.since(first.0))))
}

/// Webhooks of all organizations for which more than `limit` deliveries wait.
pub(crate) async fn backlogs(conn: &mut Connection, limit: i64) -> Result<Vec<Backlog>> {
    let rows = conn.query(BACKLOGS).bind(limit).all::<(Uuid, Uuid, i64, Option<Time>)>().await?;
    let typed =
        |(organization, webhook, waiting, failing_since): (_, _, _, Option<Time>)| Backlog {
            organization: OrganizationId(organization),
            webhook: WebhookId(webhook),
            waiting,
            failing_since: failing_since.map(Timestamp::from),
        };
    Ok(rows.into_iter().map(typed).collect())
}

/// Gives up deliveries that wait for a webhook: those of imports first, the oldest first.
pub(crate) async fn give_up(
    conn: &mut Connection,
    organization: OrganizationId,
    webhook: WebhookId,
    count: i64,
) -> Result<()> {
    let update = conn.query(GIVE_UP).bind(organization.0).bind(webhook.0);
    update.bind(count).bind(BACKLOG).execute().await?;
    Ok(())
}

/// Deletes deliveries of all organizations that were created before this.
pub(crate) async fn delete_old(conn: &mut Connection, before: Timestamp) -> Result<()> {
    conn.query(DELETE_OLD).bind(Time(before)).execute().await?;
    Ok(())
}
