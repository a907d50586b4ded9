//! The conversations of an organization that were active last.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Result, Time, on};
use sqlx::query_as;

use super::{
    Head, Store,
    rows::{HeadRow, status_code},
};
use crate::domain::Status;

/// How many are looked at.
pub(crate) const NEWEST: i64 = 200;

macro_rules! newest {
    ($status:literal, $name:literal) => {
        concat!(
            "SELECT * FROM (SELECT id, last_seq, contact_read_seq, agent_read_seq, status,
                created_at, updated_at
            FROM conversations WHERE organization_id = $1 AND status = ",
            $status,
            " ORDER BY updated_at DESC, id DESC LIMIT $4) AS ",
            $name
        )
    };
}

/// Organization, both states, rows. Each state is a stretch of one index.
const RECENT: &str = concat!(
    newest!("$2", "one"),
    " UNION ALL ",
    newest!("$3", "other"),
    " ORDER BY updated_at DESC, id DESC LIMIT $4"
);

/// A conversation and how old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recent {
    pub(crate) head: Head,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Debug, sqlx::FromRow)]
struct RecentRow {
    #[sqlx(flatten)]
    head: HeadRow,
    created_at: Time,
    updated_at: Time,
}

impl Store {
    /// The numbers of the newest [`NEWEST`] conversations, newest activity first.
    pub(crate) async fn recent(&self, organization: OrganizationId) -> Result<Vec<Recent>> {
        let rows: Vec<RecentRow> = self
            .db
            .read("conversation.recent", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(RECENT)
                        .bind(organization.0)
                        .bind(status_code(Status::Open))
                        .bind(status_code(Status::Closed))
                        .bind(NEWEST)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        let recent = rows.into_iter().map(|row| Recent {
            head: row.head.into(),
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        });
        Ok(recent.collect())
    }
}
