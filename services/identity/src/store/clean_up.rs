//! Deleting expired rows, in all organizations.

use onethread_core::Timestamp;
use onethread_db::{Connection, Result, Time};

const DELETE_BATCHES: &str = "DELETE FROM import_batches WHERE created_at < $1";
const DELETE_LOGINS: &str = "DELETE FROM logins WHERE expires_at < $1";
const DELETE_REFUSALS: &str = "DELETE FROM refusals WHERE hour < $1";
const DELETE_REVOCATIONS: &str = "DELETE FROM revocations WHERE created_at < $1";

/// Times before which rows are deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub(crate) revocations: Timestamp,
    /// Results of import batches.
    pub(crate) batches: Timestamp,
    /// Counts of failed verifications.
    pub(crate) refusals: Timestamp,
    /// Agents' logins, by when they expire.
    pub(crate) logins: Timestamp,
}

/// Deletes expired rows.
pub(crate) async fn delete_expired(conn: &mut Connection, before: Before) -> Result<()> {
    for (text, before) in [
        (DELETE_REVOCATIONS, before.revocations),
        (DELETE_BATCHES, before.batches),
        (DELETE_REFUSALS, before.refusals),
        (DELETE_LOGINS, before.logins),
    ] {
        conn.query(text).bind(Time(before)).execute().await?;
    }
    Ok(())
}
