//! The audit.

use onethread_core::{Entropy, OrganizationId, PageSize, Timestamp, new_uuid};
use onethread_db::{Conn, Error, Json, Result, Time, on};
use sqlx::query;
use uuid::Uuid;

use super::{Store, entries::entries, sql};
use crate::domain::audit::{Actor, AuditEntry, Change};

#[derive(sqlx::FromRow)]
struct AuditRow {
    id: Uuid,
    actor_kind: String,
    actor_id: Option<Uuid>,
    action: String,
    subject: String,
    detail: String,
    at: Time,
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = Error;

    fn try_from(row: AuditRow) -> Result<Self> {
        let actor = Actor::from_parts(&row.actor_kind, row.actor_id);
        Ok(Self {
            id: row.id,
            actor: actor.ok_or(Error::Corrupt("audit.actor_kind"))?,
            action: row.action,
            subject: row.subject,
            detail: row.detail,
            at: row.at.0,
        })
    }
}

/// Writes a change down, in the transaction that makes it.
pub(super) async fn record(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    change: &Change,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    let id = new_uuid(now, entropy);
    on!(conn, |c| query(sql::INSERT_AUDIT)
        .bind(of.0)
        .bind(id)
        .bind(change.actor.kind())
        .bind(change.actor.id())
        .bind(change.action)
        .bind(&change.subject)
        .bind(&change.detail)
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Writes the same down of each of these contacts, in the transaction that does it to them.
pub(super) async fn record_each(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    (actor, action): (Actor, &str),
    contacts: &[Uuid],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let entries = entries(contacts, now, entropy);
    let text = conn.pick(sql::INSERT_AUDIT_OF_EACH_SQLITE, sql::INSERT_AUDIT_OF_EACH_POSTGRES);
    on!(conn, |c| query(text)
        .bind(of.0)
        .bind(Json(&entries))
        .bind(actor.kind())
        .bind(actor.id())
        .bind(action)
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

impl Store {
    /// What was written down before an entry (from the newest on without one), newest first, and
    /// whether more follows.
    pub(crate) async fn audit(
        &self,
        of: OrganizationId,
        before: Option<Uuid>,
        size: PageSize,
    ) -> Result<(Vec<AuditEntry>, bool)> {
        let mut rows: Vec<AuditRow> = self
            .page("audit.page", sql::AUDIT_PAGE, of, before.unwrap_or(Uuid::max()), size)
            .await?;
        let more = rows.len() > size.rows();
        rows.truncate(size.rows());
        let entries = rows.into_iter().map(AuditEntry::try_from).collect::<Result<_>>()?;
        Ok((entries, more))
    }
}
