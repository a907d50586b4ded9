//! What can be read: imports, and the rows that they set aside.

use futures::TryStreamExt;
use onethread_core::{ImportId, OrganizationId, Timestamp};
use onethread_db::{Conn, Result, Time, on};
use sqlx::{query_as, query_scalar};
use uuid::Uuid;

use super::{
    Store,
    rows::{ImportRow, RejectedDbRow, signed},
    sql,
};
use crate::domain::{Import, RejectedRow};

/// A page of rejected rows.
#[derive(Debug)]
pub(crate) struct RejectedPage {
    pub(crate) rows: Vec<RejectedRow>,
    /// True when there are others behind them.
    pub(crate) more: bool,
}

impl Store {
    /// One import.
    pub(crate) async fn get(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> Result<Option<Import>> {
        self.db
            .read("import.get", move |mut conn| {
                Box::pin(async move { get(&mut conn, organization, id).await })
            })
            .await
    }

    /// A number that is another one after each change of the import.
    pub(crate) async fn revision(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> Result<Option<i64>> {
        self.db
            .read("import.revision", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::REVISION)
                        .bind(organization.0)
                        .bind(id.0)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await
    }

    /// Imports older than `before`, newest first, at most `limit`.
    pub(crate) async fn list(
        &self,
        organization: OrganizationId,
        before: Option<ImportId>,
        limit: i64,
    ) -> Result<Vec<Import>> {
        let before = before.map_or(Uuid::max(), |id| id.0);
        let rows: Vec<ImportRow> = self
            .db
            .read("import.list", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::LIST)
                        .bind(organization.0)
                        .bind(before)
                        .bind(limit)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        rows.into_iter().map(Import::try_from).collect()
    }

    /// Rejected rows behind the record `after`, at most `limit`, and no more once they take
    /// `bytes` together.
    pub(crate) async fn rejected(
        &self,
        organization: OrganizationId,
        id: ImportId,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<RejectedPage> {
        let (after, one_more) = (signed(after), signed(limit as u64 + 1));
        self.db
            .read("import.rejected", move |mut conn| {
                Box::pin(async move {
                    let (mut rows, mut size) = (Vec::new(), 0);
                    let more = on!(&mut conn, |c| {
                        // Read one by one: a single row may take a megabyte.
                        let mut found = query_as::<_, RejectedDbRow>(sql::REJECTED)
                            .bind(organization.0)
                            .bind(id.0)
                            .bind(after)
                            .bind(one_more)
                            .fetch(&mut **c);
                        loop {
                            let Some(row) = found.try_next().await? else { break false };
                            if rows.len() == limit || size >= bytes {
                                break true;
                            }
                            let row = RejectedRow::try_from(row)?;
                            size += row.cells.iter().map(|cell| cell.len() + 8).sum::<usize>();
                            rows.push(row);
                        }
                    });
                    Ok(RejectedPage { rows, more })
                })
            })
            .await
    }

    /// Some of the imports, of whatever organization, that ended before `before` and have their
    /// file still.
    pub(crate) async fn outdated(
        &self,
        before: Timestamp,
    ) -> Result<Vec<(OrganizationId, ImportId)>> {
        let rows: Vec<(Uuid, Uuid)> = self
            .db
            .read("import.outdated", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::OUTDATED)
                        .bind(Time(before))
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(rows.into_iter().map(|(of, id)| (OrganizationId(of), ImportId(id))).collect())
    }
}

/// One import, within a transaction.
pub(super) async fn get(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ImportId,
) -> Result<Option<Import>> {
    let row: Option<ImportRow> = on!(conn, |c| query_as(sql::GET)
        .bind(organization.0)
        .bind(id.0)
        .fetch_optional(&mut **c)
        .await)?;
    row.map(Import::try_from).transpose()
}
