//! Giving up deliveries of webhooks for which too many wait.

use onethread_core::{Timestamp, WebhookId};
use onethread_db::Database;
use onethread_errors::Result;
use tracing::warn;

use crate::webhook::store::deliveries;

/// Gives up deliveries of each dead webhook for which more than `limit` wait, and returns how many
/// of which webhook. Far more may wait for a webhook that takes deliveries.
pub(crate) async fn give_up_backlogs(
    db: &Database,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<(WebhookId, i64)>> {
    let mut conn = db.reader("webhook.overfull").await?;
    let backlogs = deliveries::backlogs(&mut conn, limit).await?;
    drop(conn);
    let mut given_up = Vec::with_capacity(backlogs.len());
    for backlog in backlogs {
        let (webhook, count) = (backlog.webhook, backlog.excess(limit, now));
        if count == 0 {
            continue;
        }
        let mut conn = db.writer("webhook.give_up").await?;
        deliveries::give_up(&mut conn, backlog.organization, webhook, count).await?;
        warn!(%webhook, count, "too many deliveries waited and were given up");
        given_up.push((webhook, count));
    }
    Ok(given_up)
}
