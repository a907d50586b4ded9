//! The store on SQLite or PostgreSQL.

use futures::TryStreamExt;
use onethread_core::{ImportId, OrganizationId, Timestamp};
use onethread_db::{Conn, Database, Json, Result, Time, on};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{
    Added, NewImport, RejectedPage, Store,
    rows::{
        HeaderJson, ImportRow, JobRow, MappingJson, RejectedDbRow, RejectedJson, ScannedColumns,
        mapping_json, position, signed,
    },
    sql,
};
use crate::domain::{
    Advance, Header, Import, ImportState, Job, Lease, Mapping, RejectedRow, Scanned,
};

/// The store on the service's own database.
#[derive(Debug, Clone)]
pub(crate) struct SqlStore(pub(crate) Database);

/// Runs one UPDATE in a transaction and tells whether it found its row.
macro_rules! update {
    ($self:ident, $name:literal, $text:expr, $($value:expr),+ $(,)?) => {
        $self.0.write($name, move |mut conn| Box::pin(async move {
            let rows = on!(&mut conn, |c| query($text)
                $(.bind($value))+
                .execute(&mut **c)
                .await?
                .rows_affected());
            Ok(rows == 1)
        }))
    };
}

impl Store for SqlStore {
    async fn add(
        &self,
        organization: OrganizationId,
        import: NewImport,
        now: Timestamp,
    ) -> Result<Added> {
        self.0
            .write("import.add", move |mut conn| {
                Box::pin(async move { add(&mut conn, organization, import, now).await })
            })
            .await
    }

    async fn get(&self, organization: OrganizationId, id: ImportId) -> Result<Option<Import>> {
        self.0
            .read("import.get", move |mut conn| {
                Box::pin(async move { get(&mut conn, organization, id).await })
            })
            .await
    }

    async fn revision(&self, organization: OrganizationId, id: ImportId) -> Result<Option<i64>> {
        self.0
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

    async fn list(
        &self,
        organization: OrganizationId,
        before: Option<ImportId>,
        limit: i64,
    ) -> Result<Vec<Import>> {
        let before = before.map_or(Uuid::max(), |id| id.0);
        let rows: Vec<ImportRow> = self
            .0
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

    async fn rejected(
        &self,
        organization: OrganizationId,
        id: ImportId,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> Result<RejectedPage> {
        let (after, one_more) = (signed(after), signed(limit as u64 + 1));
        self.0
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

    async fn start(
        &self,
        organization: OrganizationId,
        id: ImportId,
        mapping: Mapping,
        traceparent: String,
        now: Timestamp,
    ) -> Result<bool> {
        let mapping = Json(mapping_json(mapping));
        update!(
            self,
            "import.start",
            sql::START,
            organization.0,
            id.0,
            &mapping,
            &traceparent,
            Time(now),
        )
        .await
    }

    async fn cancel(
        &self,
        organization: OrganizationId,
        id: ImportId,
        from: ImportState,
        now: Timestamp,
    ) -> Result<bool> {
        update!(self, "import.cancel", sql::CANCEL, organization.0, id.0, from.name(), Time(now),)
            .await
    }

    async fn claim(&self, now: Timestamp, until: Timestamp) -> Result<Option<Job>> {
        // A look that finds nothing must not cost a write transaction.
        let due: Option<i32> = self
            .0
            .read("import.due", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::DUE)
                        .bind(Time(now))
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        if due.is_none() {
            return Ok(None);
        }
        let row: Option<JobRow> = self
            .0
            .write("import.claim", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::CLAIM_SQLITE, sql::CLAIM_POSTGRES);
                    Ok(on!(&mut conn, |c| query_as(text)
                        .bind(Time(now))
                        .bind(Time(until))
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        row.map(Job::try_from).transpose()
    }

    async fn keep(&self, lease: Lease, until: Timestamp) -> Result<bool> {
        update!(
            self,
            "import.keep",
            sql::KEEP,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            Time(until),
        )
        .await
    }

    async fn free_all(&self, now: Timestamp) -> Result<()> {
        update!(self, "import.free_all", sql::FREE_ALL, Time(now)).await.map(drop)
    }

    async fn give_back(&self, lease: Lease, due: Timestamp, attempts: i64) -> Result<()> {
        update!(
            self,
            "import.give_back",
            sql::GIVE_BACK,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            Time(due),
            attempts,
        )
        .await
        .map(drop)
    }

    async fn scanned(
        &self,
        lease: Lease,
        scanned: Scanned,
        mapping: Mapping,
        next: ImportState,
        now: Timestamp,
    ) -> Result<bool> {
        let found = ScannedColumns::from(scanned);
        let mapping = Json(mapping_json(mapping));
        let started = (next == ImportState::Running).then_some(Time(now));
        update!(
            self,
            "import.scanned",
            sql::SCANNED,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            next.name(),
            &found.header,
            &mapping,
            &found.preview,
            found.rows,
            found.first[0],
            found.first[1],
            found.first[2],
            started,
            Time(now),
            found.encoding,
            &found.delimiter,
        )
        .await
    }

    async fn fail(&self, lease: Lease, reason: String, now: Timestamp) -> Result<()> {
        update!(
            self,
            "import.fail",
            sql::FAIL,
            lease.organization_id.0,
            lease.import_id.0,
            lease.number,
            &reason,
            Time(now),
        )
        .await
        .map(drop)
    }

    async fn advance(
        &self,
        lease: Lease,
        advance: Advance,
        now: Timestamp,
    ) -> Result<Option<ImportState>> {
        let state: Option<String> = self
            .0
            .write("import.advance", move |mut conn| {
                Box::pin(async move { take_step(&mut conn, lease, advance, now).await })
            })
            .await?;
        state
            .map(|name| name.parse().map_err(|_| onethread_db::Error::Corrupt("state")))
            .transpose()
    }

    async fn outdated(&self, before: Timestamp) -> Result<Vec<(OrganizationId, ImportId)>> {
        let rows: Vec<(Uuid, Uuid)> = self
            .0
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

    async fn file_gone(&self, organization: OrganizationId, id: ImportId) -> Result<()> {
        update!(self, "import.file_gone", sql::FILE_GONE, organization.0, id.0).await.map(drop)
    }
}

async fn get(
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

async fn add(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    import: NewImport,
    now: Timestamp,
) -> Result<Added> {
    let request_id = import.request_id.as_deref();
    let header = Json(HeaderJson::from(Header::default()));
    let rows = on!(&mut *conn, |c| query(sql::ADD)
        .bind(organization.0)
        .bind(import.id.0)
        .bind(&import.file_name)
        .bind(&import.file_hash)
        .bind(request_id)
        .bind(import.apply_at_once)
        .bind(&import.traceparent)
        .bind(Time(now))
        .bind(&header)
        .bind(Json(MappingJson::new()))
        .bind(Json(Vec::<Vec<String>>::new()))
        .execute(&mut **c)
        .await?
        .rows_affected());
    let missing = || onethread_db::Error::Corrupt("an import that was just there");
    if rows == 1 {
        return get(conn, organization, import.id).await?.map(Added::New).ok_or_else(missing);
    }
    let (id, file_hash): (Uuid, Vec<u8>) = on!(&mut *conn, |c| query_as(sql::BY_REQUEST)
        .bind(organization.0)
        .bind(request_id)
        .fetch_one(&mut **c)
        .await)?;
    if file_hash != import.file_hash {
        return Ok(Added::KeyReused);
    }
    get(conn, organization, ImportId(id)).await?.map(Added::Same).ok_or_else(missing)
}

async fn take_step(
    conn: &mut Conn<'_>,
    lease: Lease,
    step: Advance,
    now: Timestamp,
) -> Result<Option<String>> {
    let (of, id) = (lease.organization_id.0, lease.import_id.0);
    let counts = step.counts;
    let state: Option<String> = match step.next {
        Some(next) => {
            let [offset, line, record] = position(next);
            on!(&mut *conn, |c| query_scalar(sql::ADVANCE)
                .bind(of)
                .bind(id)
                .bind(lease.number)
                .bind(step.batch)
                .bind(offset)
                .bind(line)
                .bind(record)
                .bind(counts.created)
                .bind(counts.updated)
                .bind(counts.unchanged)
                .bind(counts.rejected)
                .fetch_optional(&mut **c)
                .await)?
        }
        None => on!(&mut *conn, |c| query_scalar(sql::FINISH)
            .bind(of)
            .bind(id)
            .bind(lease.number)
            .bind(step.batch)
            .bind(counts.created)
            .bind(counts.updated)
            .bind(counts.unchanged)
            .bind(counts.rejected)
            .bind(Time(now))
            .fetch_optional(&mut **c)
            .await)?,
    };
    if state.is_some() && !step.rejected.is_empty() {
        let rows: Vec<RejectedJson> = step.rejected.into_iter().map(Into::into).collect();
        let text = conn.pick(sql::REJECT_SQLITE, sql::REJECT_POSTGRES);
        on!(&mut *conn, |c| query(text)
            .bind(of)
            .bind(id)
            .bind(Json(&rows))
            .execute(&mut **c)
            .await
            .map(drop))?;
    }
    Ok(state)
}
