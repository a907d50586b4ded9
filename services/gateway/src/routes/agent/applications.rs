//! The widgets and apps of an organization, for its owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{HeaderMap, StatusCode, Uri};
use onethread_errors::Error;
use onethread_proto::identity::{
    CreateApplicationRequest, ListApplicationsRequest, UpdateApplicationRequest,
};

use crate::{
    app::App,
    auth::{self, Owner},
    extract::{Body, Paging, PathId},
    json::{Application, ApplicationChange, List, NewApplication, application},
    openapi::{Refusals, reasons::ApplicationExists},
    problem::ApiResult,
};

/// The organization's applications, each with the snippet for its pages. For owners.
#[utoipa::path(get, path = "/applications", operation_id = "listApplications",
    tag = "applications", params(Paging),
    responses((status = 200, description = "A page of applications.", body = List<Application>),
        Refusals<(Owner, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    paging: Paging,
    uri: Uri,
    headers: HeaderMap,
) -> ApiResult<Json<List<Application>>> {
    let request = ListApplicationsRequest {
        organization_id: owner.organization,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.applications().list_applications(request).await?.into_inner();
    let server = auth::server(&headers, &uri);
    let items = page.applications.into_iter().map(|one| Application::new(one, &server));
    Ok(Json(List::new(items.collect(), page.next_page_token)))
}

/// Makes an application, or takes one over with the number and secret it had elsewhere. For owners.
#[utoipa::path(post, path = "/applications", operation_id = "createApplication",
    tag = "applications", request_body = NewApplication,
    responses((status = 201, description = "The application.", body = Application),
        Refusals<(Owner, Body, ApplicationExists)>))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    owner: Owner,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<(StatusCode, Json<Application>)> {
    let (wanted, _) = application(&body)?;
    let actor = Some(owner.actor());
    let request = CreateApplicationRequest {
        organization_id: owner.organization,
        application: Some(wanted),
        actor,
    };
    let made = app.applications().create_application(request).await?.into_inner();
    let made = made.application.ok_or_else(|| Error::internal("identity answered nothing"))?;
    let made = Application::new(made, &auth::server(&headers, &uri));
    Ok((StatusCode::CREATED, Json(made)))
}

/// Changes an application's settings; `id` is its `appId`. For owners.
#[utoipa::path(patch, path = "/applications/{id}", operation_id = "changeApplication",
    tag = "applications", params(PathId), request_body = ApplicationChange,
    responses((status = 200, description = "The application.", body = Application),
        Refusals<(Owner, PathId, Body)>))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Application>> {
    let (mut application, mask) = application(&body)?;
    application.app_id = id;
    let actor = Some(owner.actor());
    let request = UpdateApplicationRequest {
        organization_id: owner.organization.clone(),
        application: Some(application),
        update_mask: Some(mask),
        actor,
    };
    let changed = app.applications().update_application(request).await?.into_inner();
    app.revocations.forget(&owner.organization, []);
    let changed = changed.application.ok_or_else(Error::not_found)?;
    Ok(Json(Application::new(changed, &auth::server(&headers, &uri))))
}
