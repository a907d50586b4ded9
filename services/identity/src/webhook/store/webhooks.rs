//! Webhooks.

use onethread_core::{OrganizationId, Timestamp, WebhookId};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use crate::{
    domain::keys::Sealed,
    webhook::domain::{
        event::{Event, bits},
        webhook::Webhook,
    },
};

const LIST: &str =
    "SELECT organization_id, id, url, events, sealed, sealed_with, created_at FROM webhooks
     WHERE organization_id = $1 ORDER BY id";
const DUE: &str = "SELECT organization_id, id, url, events, sealed, sealed_with, created_at FROM (
       SELECT w.*,
         (SELECT min(d.due_at) FROM webhook_deliveries d
          WHERE d.organization_id = w.organization_id AND d.webhook_id = w.id
            AND d.bulk = false AND d.due_at IS NOT NULL) AS live_due,
         (SELECT min(d.due_at) FROM webhook_deliveries d
          WHERE d.organization_id = w.organization_id AND d.webhook_id = w.id
            AND d.bulk = true AND d.due_at IS NOT NULL) AS bulk_due
       FROM webhooks w) ready
     WHERE live_due <= $1 OR bulk_due <= $1
     ORDER BY CASE WHEN live_due <= $1 THEN 0 ELSE 1 END, coalesce(live_due, bulk_due) LIMIT $2";
const INSERT: &str =
    "INSERT INTO webhooks (organization_id, id, url, events, sealed, sealed_with, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)";
const UPDATE: &str = "UPDATE webhooks SET url = $3, events = $4, sealed = $5, sealed_with = $6
     WHERE organization_id = $1 AND id = $2";
const SUCCEEDED: &str = "UPDATE webhooks SET failing_since = NULL
     WHERE organization_id = $1 AND id = $2 AND failing_since IS NOT NULL";
const FAILED: &str = "UPDATE webhooks SET failing_since = $3
     WHERE organization_id = $1 AND id = $2 AND failing_since IS NULL";
const DELETE: &str = "DELETE FROM webhooks WHERE organization_id = $1 AND id = $2";

#[derive(onethread_db::FromRow)]
struct WebhookRow {
    organization_id: Uuid,
    id: Uuid,
    url: String,
    events: i64,
    sealed: Vec<u8>,
    sealed_with: String,
    created_at: Time,
}

impl From<WebhookRow> for Webhook {
    fn from(row: WebhookRow) -> Self {
        Self {
            organization_id: OrganizationId(row.organization_id),
            id: WebhookId(row.id),
            url: row.url,
            events: Event::from_bits(row.events),
            secret: Sealed { bytes: row.sealed, key: row.sealed_with },
            created_at: row.created_at.0,
        }
    }
}

/// The webhooks of an organization, oldest first.
pub(crate) async fn list(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<Webhook>> {
    let rows = conn.query(LIST).bind(organization.0).all::<WebhookRow>().await?;
    Ok(rows.into_iter().map(Webhook::from).collect())
}

/// Webhooks of all organizations that have due deliveries, the earliest first.
pub(crate) async fn due(conn: &mut Connection, now: Timestamp, limit: i64) -> Result<Vec<Webhook>> {
    let rows = conn.query(DUE).bind(Time(now)).bind(limit).all::<WebhookRow>().await?;
    Ok(rows.into_iter().map(Webhook::from).collect())
}

/// Stores a webhook.
pub(crate) async fn insert(conn: &mut Connection, webhook: &Webhook) -> Result<()> {
    let insert = conn.query(INSERT).bind(webhook.organization_id.0).bind(webhook.id.0);
    let insert = insert.bind(&webhook.url).bind(bits(&webhook.events));
    let insert = insert.bind(&webhook.secret.bytes).bind(&webhook.secret.key);
    insert.bind(Time(webhook.created_at)).execute().await?;
    Ok(())
}

/// Writes URL, events and secret.
pub(crate) async fn update(conn: &mut Connection, webhook: &Webhook) -> Result<()> {
    let update = conn.query(UPDATE).bind(webhook.organization_id.0).bind(webhook.id.0);
    let update = update.bind(&webhook.url).bind(bits(&webhook.events));
    update.bind(&webhook.secret.bytes).bind(&webhook.secret.key).execute().await?;
    Ok(())
}

/// Stores that an attempt succeeded, or that all attempts of a batch failed.
pub(crate) async fn record_health(
    conn: &mut Connection,
    (organization, id): (OrganizationId, WebhookId),
    has_succeeded: bool,
    now: Timestamp,
) -> Result<()> {
    let text = if has_succeeded { SUCCEEDED } else { FAILED };
    let update = conn.query(text).bind(organization.0).bind(id.0);
    if has_succeeded { update } else { update.bind(Time(now)) }.execute().await?;
    Ok(())
}

/// Deletes a webhook, and by foreign keys its deliveries.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    id: WebhookId,
) -> Result<()> {
    conn.query(DELETE).bind(organization.0).bind(id.0).execute().await?;
    Ok(())
}
