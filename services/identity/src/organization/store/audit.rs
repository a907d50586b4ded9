//! The audit log. `store/effects.rs` writes it.

use onethread_core::{OrganizationId, PageSize};
use onethread_db::{Connection, Error, Result, Time};
use uuid::Uuid;

use crate::organization::domain::audit::{Actor, AuditEntry};

const PAGE: &str = "SELECT id, actor_kind, actor_id, action, subject, detail, at FROM audit
     WHERE organization_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";

#[derive(onethread_db::FromRow)]
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

/// A page of entries before this one, newest first, and one more when another page follows.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    before: Uuid,
    size: PageSize,
) -> Result<Vec<AuditEntry>> {
    let query = conn.query(PAGE).bind(organization.0).bind(before).bind(size.limit_plus_one());
    query.all::<AuditRow>().await?.into_iter().map(AuditEntry::try_from).collect()
}
