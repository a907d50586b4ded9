//! Imports of contacts.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_proto::contactimport::{
    self, ApplyImportRequest, CancelImportRequest, GetImportRequest, ListImportsRequest,
};
use serde_json::Value as Member;
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::ApiCaller,
    extract::{Body, Faults, Named, Paging, PathId, Query, by_rule},
    json::{Import, List},
    openapi::{Problems, reasons::ImportState},
    problem::ApiResult,
    streams::{self, StreamPlace},
};

/// Imports, newest first.
#[utoipa::path(get, path = "/imports", operation_id = "listImports", tag = "imports",
    params(Paging),
    responses((status = 200, description = "A page of imports.", body = List<Import>),
        Problems<(ApiCaller, Query<Paging>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<List<Import>>> {
    let request = ListImportsRequest {
        organization_id: caller.organization.to_string(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.imports().list_imports(request).await?.into_inner();
    let items = page.imports.into_iter().map(Import::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// One import.
#[utoipa::path(get, path = "/imports/{id}", operation_id = "getImport", tag = "imports",
    params(PathId<ImportId>),
    responses((status = 200, description = "The import.", body = Import),
        Problems<(ApiCaller, PathId<ImportId>)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ImportId>,
) -> ApiResult<Json<Import>> {
    Ok(Json(find(&app, caller.organization, id).await?.into()))
}

pub(super) async fn find(
    app: &App,
    organization: OrganizationId,
    import: ImportId,
) -> Result<contactimport::Import> {
    let request = GetImportRequest {
        organization_id: organization.to_string(),
        import_id: import.to_string(),
    };
    let answer = app.clients.imports().get_import(request).await.map_err(Error::from)?;
    answer.into_inner().import.ok_or_else(Error::not_found)
}

/// How an import is applied.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct ImportMapping {
    /// The field of each column by name: `email`, `custom.<key>`, … or null to skip the column.
    /// Without it the proposed mapping is used.
    #[deserr(default)]
    #[schema(value_type = Option<BTreeMap<String, Option<String>>>)]
    mapping: Option<Named<Target>>,
}

/// The field of a column; empty to skip the column.
#[derive(Debug)]
struct Target(String);

impl Deserr<Faults> for Target {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not a string or null", |value| match value {
            Member::Null => Some(Self(String::new())),
            Member::String(target) => Some(Self(target.clone())),
            _ => None,
        })
    }
}

/// Applies an import that is ready.
#[utoipa::path(post, path = "/imports/{id}/apply", operation_id = "applyImport", tag = "imports",
    params(PathId<ImportId>), request_body = Option<ImportMapping>,
    responses((status = 200, description = "The import as it is now.", body = Import),
        Problems<(ApiCaller, PathId<ImportId>, Body<ImportMapping>, ImportState)>))]
pub(super) async fn apply(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ImportId>,
    body: Body<ImportMapping>,
) -> ApiResult<Json<Import>> {
    let mapping = body.content()?.mapping.unwrap_or_default().0.into_iter();
    let request = ApplyImportRequest {
        organization_id: caller.organization.to_string(),
        import_id: id.to_string(),
        mapping: mapping.map(|(column, target)| (column, target.0)).collect(),
    };
    let answer = app.clients.imports().apply_import(request).await?.into_inner();
    Ok(Json(answer.import.unwrap_or_default().into()))
}

/// Cancels an import. Rows that were applied stay.
#[utoipa::path(post, path = "/imports/{id}/cancel", operation_id = "cancelImport", tag = "imports",
    params(PathId<ImportId>),
    responses((status = 200, description = "The import as it is now.", body = Import),
        Problems<(ApiCaller, PathId<ImportId>, ImportState)>))]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ImportId>,
) -> ApiResult<Json<Import>> {
    let request = CancelImportRequest {
        organization_id: caller.organization.to_string(),
        import_id: id.to_string(),
    };
    let answer = app.clients.imports().cancel_import(request).await?.into_inner();
    Ok(Json(answer.import.unwrap_or_default().into()))
}

/// An import's progress, live: `import` (*Import*) until the import ends.
#[utoipa::path(get, path = "/imports/{id}/events", operation_id = "followImport", tag = "imports",
    params(PathId<ImportId>),
    responses(
        (status = 200, description = "A stream of events.", body = String,
            content_type = "text/event-stream"),
        Problems<(ApiCaller, PathId<ImportId>)>,
    ))]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    place: StreamPlace,
    PathId(id): PathId<ImportId>,
) -> ApiResult<Response> {
    Ok(streams::follow_import(app, caller, place, id).await?)
}
