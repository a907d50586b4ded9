//! The feed of sessions that ended.

use onethread_core::{Entropy, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Result, Time, on};
use sqlx::{query, query_as};
use uuid::Uuid;

use super::{Store, sql};

/// One entry of the feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Revocation {
    pub(crate) id: Uuid,
    pub(crate) organization_id: Uuid,
    /// A contact, a device or an agent.
    pub(crate) subject_id: Uuid,
}

/// Writes entries in the transaction that ends the sessions.
pub(super) async fn insert(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    subjects: &[Uuid],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    for subject in subjects {
        let id = new_uuid(now, entropy);
        on!(&mut *conn, |c| query(sql::INSERT_REVOCATION)
            .bind(of.0)
            .bind(id)
            .bind(subject)
            .bind(Time(now))
            .execute(&mut **c)
            .await
            .map(drop))?;
    }
    Ok(())
}

impl Store {
    /// What was entered from `since` on, in every organization.
    pub(crate) async fn revocations(&self, since: Timestamp) -> Result<Vec<Revocation>> {
        self.db
            .read("revocation.feed", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::REVOCATIONS_SINCE)
                        .bind(Time(since))
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await
    }
}
