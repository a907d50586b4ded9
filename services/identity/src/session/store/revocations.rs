//! The feed of revocations.

use onethread_core::{ContactId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

const SINCE: &str = "SELECT id, organization_id, subject_id FROM revocations
     WHERE created_at >= $1 ORDER BY created_at";

const LAST: &str = "SELECT max(created_at) FROM revocations
     WHERE created_at > $3 AND organization_id = $1 AND subject_id IN ($1, $2)";

/// An entry of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, onethread_db::FromRow)]
pub(crate) struct Revocation {
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    /// An organization, contact, device or agent.
    pub(crate) subject_id: Uuid,
}

/// The entries since a time, of all organizations.
pub(crate) async fn since(conn: &mut Connection, since: Timestamp) -> Result<Vec<Revocation>> {
    conn.query(SINCE).bind(Time(since)).all().await
}

/// When sessions of the contact were revoked last, its own or all of the organization, if that was
/// after `since`.
pub(crate) async fn last_of(
    conn: &mut Connection,
    organization: OrganizationId,
    contact: ContactId,
    since: Timestamp,
) -> Result<Option<Timestamp>> {
    let last = conn.query(LAST).bind(organization.0).bind(contact.0).bind(Time(since));
    let last: Option<Time> = last.scalar().await?;
    Ok(last.map(|Time(at)| at))
}
