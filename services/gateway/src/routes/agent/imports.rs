//! Imports of contacts: looked at, applied, cancelled, watched.

use std::{collections::HashMap, sync::Arc};

use axum::{Json, extract::State, response::Response};
use onethread_errors::{Error, Result};
use onethread_proto::contactimport::{
    self, ApplyImportRequest, CancelImportRequest, GetImportRequest, ListImportsRequest,
};
use serde_json::Value;

use crate::{
    app::App,
    auth::Staff,
    extract::{Body, Paging, PathId},
    json::{Import, List, Mapping},
    openapi::{Refusals, reasons::ImportState},
    problem::{ApiResult, from_service},
    streams,
};

/// Imports, newest first.
#[utoipa::path(get, path = "/imports", operation_id = "listImports", tag = "imports",
    params(Paging),
    responses((status = 200, description = "A page of imports.", body = List<Import>),
        Refusals<(Staff, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    paging: Paging,
) -> ApiResult<Json<List<Import>>> {
    let request = ListImportsRequest {
        organization_id: staff.organization,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.imports().list_imports(request).await?.into_inner();
    let items = page.imports.into_iter().map(Import::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// One of them.
#[utoipa::path(get, path = "/imports/{id}", operation_id = "getImport", tag = "imports",
    params(PathId),
    responses((status = 200, description = "The import.", body = Import),
        Refusals<(Staff, PathId)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Json<Import>> {
    Ok(Json(find(&app, staff.organization, id).await?.into()))
}

pub(super) async fn find(
    app: &App,
    organization_id: String,
    import_id: String,
) -> Result<contactimport::Import> {
    let request = GetImportRequest { organization_id, import_id };
    let answer = app.imports().get_import(request).await.map_err(from_service)?.into_inner();
    answer.import.ok_or_else(Error::not_found)
}

/// Applies an import that is ready.
#[utoipa::path(post, path = "/imports/{id}/apply", operation_id = "applyImport", tag = "imports",
    params(PathId), request_body = Option<Mapping>,
    responses((status = 200, description = "The import as it is now.", body = Import),
        Refusals<(Staff, PathId, Body, ImportState)>))]
pub(super) async fn apply(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Json<Import>> {
    let request = ApplyImportRequest {
        organization_id: staff.organization,
        import_id: id,
        mapping: mapping(&body)?,
    };
    let answer = app.imports().apply_import(request).await?.into_inner();
    Ok(Json(answer.import.unwrap_or_default().into()))
}

/// Targets by column; null leaves a column out.
fn mapping(body: &Body) -> Result<HashMap<String, String>> {
    let columns = body.object("mapping")?.into_iter().flatten();
    let target = |(column, target): (&String, &Value)| match target {
        Value::Null => Ok((column.clone(), String::new())),
        Value::String(target) => Ok((column.clone(), target.clone())),
        _ => {
            let column = column.replace('~', "~0").replace('/', "~1");
            Err(Error::invalid(format!("/mapping/{column}"), "is not a string or null"))
        }
    };
    columns.map(target).collect()
}

/// Stops an import. What is applied stays.
#[utoipa::path(post, path = "/imports/{id}/cancel", operation_id = "cancelImport", tag = "imports",
    params(PathId),
    responses((status = 200, description = "The import as it is now.", body = Import),
        Refusals<(Staff, PathId, ImportState)>))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Json<Import>> {
    let request = CancelImportRequest { organization_id: staff.organization, import_id: id };
    let answer = app.imports().cancel_import(request).await?.into_inner();
    Ok(Json(answer.import.unwrap_or_default().into()))
}

/// An import's progress, live: `import` (*Import*) until it has ended.
#[utoipa::path(get, path = "/imports/{id}/events", operation_id = "followImport", tag = "imports",
    params(PathId),
    responses(
        (status = 200, description = "A stream of events.", body = String,
            content_type = "text/event-stream"),
        Refusals<(Staff, PathId)>,
    ))]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Response> {
    Ok(streams::follow_import(app, staff, id).await?)
}
