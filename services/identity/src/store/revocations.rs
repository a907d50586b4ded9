//! The feed of sessions that ended.

use onethread_core::{Entropy, OrganizationId, Timestamp};
use onethread_db::{Conn, Json, Result, Time, on};
use sqlx::{query, query_as};
use uuid::Uuid;

use super::{Store, entries::entries, sql};
use crate::domain::contact::Contact;

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
    if subjects.is_empty() {
        return Ok(());
    }
    let entries = entries(subjects, now, entropy);
    let text = conn.pick(sql::INSERT_REVOCATIONS_SQLITE, sql::INSERT_REVOCATIONS_POSTGRES);
    on!(conn, |c| query(text)
        .bind(of.0)
        .bind(Json(&entries))
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Has a person's open streams looked at again when what they see of themself changed.
pub(super) async fn insert_if_shown(
    conn: &mut Conn<'_>,
    before: &Contact,
    after: &Contact,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    if before.shows_as(after) {
        return Ok(());
    }
    insert(conn, after.organization_id, &[after.id.0], now, entropy).await
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
