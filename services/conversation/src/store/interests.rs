//! The webhook events that identity wants to hear of, by organization.

use onethread_core::OrganizationId;
use onethread_db::{Connection, Result};

use crate::domain::WebhookEvent;

const SET: &str = "INSERT INTO interests (organization_id, facts, version) VALUES ($1, $2, $3)
    ON CONFLICT (organization_id) DO UPDATE SET facts = excluded.facts, version = excluded.version
    WHERE interests.version < excluded.version";
const IS_WANTED: &str = "SELECT 1 FROM interests WHERE organization_id = $1 AND (facts & $2) <> 0";

/// Stores the wanted events, unless a newer version is stored.
pub(crate) async fn set(
    conn: &mut Connection,
    organization: OrganizationId,
    events: &[WebhookEvent],
    version: i64,
) -> Result<()> {
    let set = conn.query(SET).bind(organization.0).bind(WebhookEvent::bits(events));
    set.bind(version).execute().await?;
    Ok(())
}

/// True when identity wants to hear of an event.
pub(crate) async fn is_wanted(
    conn: &mut Connection,
    organization: OrganizationId,
    event: WebhookEvent,
) -> Result<bool> {
    conn.query(IS_WANTED).bind(organization.0).bind(event.bit()).exists().await
}
