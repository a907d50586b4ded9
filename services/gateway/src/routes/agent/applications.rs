//! Applications of an organization, for its owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{HeaderMap, StatusCode, Uri};
use onethread_core::ApplicationId;
use onethread_errors::Error;
use onethread_proto::identity::{
    CreateApplicationRequest, ListApplicationsRequest, UpdateApplicationRequest,
};

use super::application_settings::{ApplicationChange, NewApplication};
use crate::{
    app::App,
    authentication::Owner,
    extract::{Body, Paging, PathId, Query},
    json::{Application, List},
    openapi::{Problems, reasons::ApplicationExists},
    origin,
    problem::ApiResult,
};

/// The organization's applications, each with the snippet for its pages. For owners.
#[utoipa::path(get, path = "/applications", operation_id = "listApplications",
    tag = "applications", params(Paging),
    responses((status = 200, description = "A page of applications.", body = List<Application>),
        Problems<(Owner, Query<Paging>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    Query(paging): Query<Paging>,
    uri: Uri,
    headers: HeaderMap,
) -> ApiResult<Json<List<Application>>> {
    let request = ListApplicationsRequest {
        organization_id: owner.organization.to_string(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.applications().list_applications(request).await?.into_inner();
    let server = origin::server_address(&headers, &uri);
    let items = page.applications.into_iter().map(|one| Application::new(one, &server));
    Ok(Json(List::new(items.collect(), page.next_page_token)))
}

/// Creates an application, or takes one over with the number and secret that it had elsewhere. For
/// owners.
#[utoipa::path(post, path = "/applications", operation_id = "createApplication",
    tag = "applications", request_body = NewApplication,
    responses((status = 201, description = "The application.", body = Application),
        Problems<(Owner, Body<NewApplication>, ApplicationExists)>))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    owner: Owner,
    uri: Uri,
    headers: HeaderMap,
    body: Body<NewApplication>,
) -> ApiResult<(StatusCode, Json<Application>)> {
    let (application, _) = body.content()?.into_wire();
    let actor = Some(owner.actor());
    let request = CreateApplicationRequest {
        organization_id: owner.organization.to_string(),
        application: Some(application),
        actor,
    };
    let answer = app.clients.applications().create_application(request).await?.into_inner();
    let created = answer.application;
    let created = created.ok_or_else(|| Error::internal("identity answered no application"))?;
    let created = Application::new(created, &origin::server_address(&headers, &uri));
    Ok((StatusCode::CREATED, Json(created)))
}

/// Changes an application's settings; `id` is its `appId`. For owners.
#[utoipa::path(patch, path = "/applications/{id}", operation_id = "changeApplication",
    tag = "applications", params(PathId<ApplicationId>), request_body = ApplicationChange,
    responses((status = 200, description = "The application.", body = Application),
        Problems<(Owner, PathId<ApplicationId>, Body<NewApplication>)>))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<ApplicationId>,
    uri: Uri,
    headers: HeaderMap,
    body: Body<NewApplication>,
) -> ApiResult<Json<Application>> {
    // The mask leaves a number and a secret out: they stay as they are.
    let (mut application, mask) = body.content()?.into_wire();
    application.id = id.to_string();
    let actor = Some(owner.actor());
    let request = UpdateApplicationRequest {
        organization_id: owner.organization.to_string(),
        application: Some(application),
        update_mask: Some(mask),
        actor,
    };
    let changed = app.clients.applications().update_application(request).await?.into_inner();
    app.revocations.note_organization(owner.organization);
    let changed = changed.application.ok_or_else(Error::not_found)?;
    Ok(Json(Application::new(changed, &origin::server_address(&headers, &uri))))
}
