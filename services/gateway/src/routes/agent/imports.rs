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
    extract::{Body, Params, PathId},
    json::{Import, List},
    problem::{ApiResult, from_service},
    streams,
};

pub(super) async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    params: Params,
) -> ApiResult<Json<List<Import>>> {
    let request = ListImportsRequest {
        organization_id: staff.organization,
        page_size: params.limit()?,
        page_token: params.cursor(),
    };
    let page = app.imports().list_imports(request).await?.into_inner();
    let items = page.imports.into_iter().map(Import::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

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

pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Json<Import>> {
    let request = CancelImportRequest { organization_id: staff.organization, import_id: id };
    let answer = app.imports().cancel_import(request).await?.into_inner();
    Ok(Json(answer.import.unwrap_or_default().into()))
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Response> {
    Ok(streams::follow_import(app, staff, id).await?)
}
