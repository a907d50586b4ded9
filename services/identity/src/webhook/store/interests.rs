//! Which events the webhooks of an organization want.

use onethread_core::OrganizationId;
use onethread_db::{Connection, Result};

use crate::{
    store::effects::INTEREST,
    webhook::domain::{
        event::{Event, bits},
        interest::Interest,
    },
};

const NEXT_VERSION: &str =
    "INSERT INTO webhook_interests (organization_id, events, version) VALUES ($1, 0, 1)
     ON CONFLICT (organization_id) DO UPDATE SET version = webhook_interests.version + 1";
const GET: &str = "SELECT events, version FROM webhook_interests WHERE organization_id = $1";
const SET: &str = "UPDATE webhook_interests SET events = $2 WHERE organization_id = $1";
pub(crate) const IS_WANTED: &str = "SELECT 1 FROM webhook_interests
     WHERE organization_id = $1 AND (events & $2) <> 0";
const IS_PENDING: &str = "SELECT 1 FROM outbox WHERE organization_id = $1 AND topic = $2 LIMIT 1";

/// The events wanted so far, under a new version. Locks the row, so that changes of an
/// organization's webhooks wait for each other.
pub(crate) async fn locked(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<Interest> {
    conn.query(NEXT_VERSION).bind(organization.0).execute().await?;
    let (events, version) = conn.query(GET).bind(organization.0).one().await?;
    Ok(Interest { events, version })
}

/// Writes which events are wanted, as bits.
pub(crate) async fn update(
    conn: &mut Connection,
    organization: OrganizationId,
    events: i64,
) -> Result<()> {
    conn.query(SET).bind(organization.0).bind(events).execute().await?;
    Ok(())
}

/// True when a webhook of the organization wants one of these events.
pub(crate) async fn is_wanted(
    conn: &mut Connection,
    organization: OrganizationId,
    events: &[Event],
) -> Result<bool> {
    conn.query(IS_WANTED).bind(organization.0).bind(bits(events)).exists().await
}

/// True while the conversation service has not been notified of the last change.
pub(crate) async fn is_pending(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<bool> {
    conn.query(IS_PENDING).bind(organization.0).bind(INTEREST).exists().await
}
