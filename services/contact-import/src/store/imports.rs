//! Imports as the people who upload, start and cancel them see them.

use onethread_core::{ImportId, OrganizationId, Timestamp};
use onethread_db::{Connection, Json, Result, Sql, Time};
use uuid::Uuid;

use super::{
    rows::{HeaderJson, ImportRow, MappingJson, mapping_json},
    sql,
};
use crate::domain::{Header, Import, Mapping, NewImport};

/// An import by its id.
pub(crate) async fn by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
) -> Result<Option<Import>> {
    select(conn, sql::IMPORT_BY_ID.into(), organization, id).await
}

/// An import by its id, locked until the transaction ends.
pub(crate) async fn locked_by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
) -> Result<Option<Import>> {
    select(conn, sql::LOCKED_IMPORT_BY_ID, organization, id).await
}

async fn select(
    conn: &mut Connection,
    sql: Sql,
    organization: OrganizationId,
    id: ImportId,
) -> Result<Option<Import>> {
    let row = conn.query(sql).bind(organization.0).bind(id.0).optional::<ImportRow>().await?;
    row.map(Import::try_from).transpose()
}

/// A number that is different after each change of the import.
pub(crate) async fn revision(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
) -> Result<Option<i64>> {
    conn.query(sql::REVISION).bind(organization.0).bind(id.0).optional_scalar().await
}

/// Imports older than `before`, newest first, at most `limit`.
pub(crate) async fn list(
    conn: &mut Connection,
    organization: OrganizationId,
    before: Option<ImportId>,
    limit: i64,
) -> Result<Vec<Import>> {
    let before = before.map_or(Uuid::max(), |id| id.0);
    let rows: Vec<ImportRow> =
        conn.query(sql::LIST_IMPORTS).bind(organization.0).bind(before).bind(limit).all().await?;
    rows.into_iter().map(Import::try_from).collect()
}

/// Inserts an import whose scan is due now. False when there is one with its idempotency key.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    import: &NewImport,
    now: Timestamp,
) -> Result<bool> {
    let rows = conn
        .query(sql::INSERT_IMPORT)
        .bind(organization.0)
        .bind(import.id.0)
        .bind(&import.file_name)
        .bind(&import.file_hash)
        .bind(import.request_id.as_deref())
        .bind(import.apply_after_scan)
        .bind(&import.traceparent)
        .bind(Time(now))
        .bind(Json(HeaderJson::from(Header::default())))
        .bind(Json(MappingJson::new()))
        .bind(Json(Vec::<Vec<String>>::new()))
        .execute()
        .await?;
    Ok(rows == 1)
}

/// The import with an idempotency key, and the hash of its file.
pub(crate) async fn by_request_id(
    conn: &mut Connection,
    organization: OrganizationId,
    request_id: Option<&str>,
) -> Result<Option<(ImportId, Vec<u8>)>> {
    let found: Option<(Uuid, Vec<u8>)> = conn
        .query(sql::IMPORT_BY_REQUEST_ID)
        .bind(organization.0)
        .bind(request_id)
        .optional()
        .await?;
    Ok(found.map(|(id, file_hash)| (ImportId(id), file_hash)))
}

/// Makes an import's rows due to be applied, with this mapping.
pub(crate) async fn start(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
    mapping: Mapping,
    traceparent: &str,
    now: Timestamp,
) -> Result<()> {
    conn.query(sql::START_IMPORT)
        .bind(organization.0)
        .bind(id.0)
        .bind(Json(mapping_json(mapping)))
        .bind(traceparent)
        .bind(Time(now))
        .execute()
        .await?;
    Ok(())
}

/// Cancels an import. `settled` is false when batches of it may be in flight.
pub(crate) async fn cancel(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
    settled: bool,
    now: Timestamp,
) -> Result<()> {
    conn.query(sql::CANCEL_IMPORT)
        .bind(organization.0)
        .bind(id.0)
        .bind(settled)
        .bind(Time(now))
        .execute()
        .await?;
    Ok(())
}

/// Some imports, of any organization, that ended before `before` and still have their file.
pub(crate) async fn with_file_ended_before(
    conn: &mut Connection,
    before: Timestamp,
) -> Result<Vec<(OrganizationId, ImportId)>> {
    let rows: Vec<(Uuid, Uuid)> = conn.query(sql::EXPIRED_FILES).bind(Time(before)).all().await?;
    let ids = |(organization, id)| (OrganizationId(organization), ImportId(id));
    Ok(rows.into_iter().map(ids).collect())
}

/// Records that an import's file was deleted.
pub(crate) async fn mark_file_deleted(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ImportId,
) -> Result<()> {
    conn.query(sql::MARK_FILE_DELETED).bind(organization.0).bind(id.0).execute().await?;
    Ok(())
}
