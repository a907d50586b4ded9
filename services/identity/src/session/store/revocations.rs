//! The feed of revocations.

use onethread_core::Timestamp;
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

const SINCE: &str = "SELECT id, organization_id, subject_id FROM revocations
     WHERE created_at >= $1 ORDER BY created_at";

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
