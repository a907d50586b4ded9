//! What people change: imports are added, started and stopped.

use onethread_core::{ImportId, OrganizationId, Timestamp};
use onethread_db::{Conn, Json, Result, Time, on};
use sqlx::{query, query_as};
use uuid::Uuid;

use super::{
    Store,
    reads::get,
    rows::{HeaderJson, MappingJson, mapping_json},
    sql, update,
};
use crate::domain::{Header, Import, ImportState, Mapping};

/// A file that is on disk and becomes an import.
#[derive(Debug, Clone)]
pub(crate) struct NewImport {
    pub(crate) id: ImportId,
    pub(crate) file_name: String,
    /// SHA-256 of the file.
    pub(crate) file_hash: Vec<u8>,
    /// Idempotency key.
    pub(crate) request_id: Option<String>,
    /// Apply the proposed mapping right after the scan.
    pub(crate) apply_at_once: bool,
    pub(crate) traceparent: String,
}

/// What came of adding one.
#[derive(Debug)]
pub(crate) enum Added {
    /// It was added.
    New(Import),
    /// The same file came before under this idempotency key, as this import.
    Same(Import),
    /// Another file came before under this idempotency key.
    KeyReused,
}

impl Store {
    /// Adds an import whose file is on disk; its scan is due at once.
    pub(crate) async fn add(
        &self,
        organization: OrganizationId,
        import: NewImport,
        now: Timestamp,
    ) -> Result<Added> {
        self.db
            .write("import.add", move |mut conn| {
                Box::pin(async move { add(&mut conn, organization, import, now).await })
            })
            .await
    }

    /// Starts an import that is ready. False when it isn't.
    pub(crate) async fn start(
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

    /// Stops an import that stands at `from`. False when it stands elsewhere by now.
    pub(crate) async fn cancel(
        &self,
        organization: OrganizationId,
        id: ImportId,
        from: ImportState,
        now: Timestamp,
    ) -> Result<bool> {
        update!(self, "import.cancel", sql::CANCEL, organization.0, id.0, from.name(), Time(now),)
            .await
    }

    /// Notes that the file is gone.
    pub(crate) async fn file_gone(&self, organization: OrganizationId, id: ImportId) -> Result<()> {
        update!(self, "import.file_gone", sql::FILE_GONE, organization.0, id.0).await.map(drop)
    }
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
