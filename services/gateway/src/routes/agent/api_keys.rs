//! API keys of companies' servers, for owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::Deserr;
use http::StatusCode;
use onethread_core::ApiKeyId;
use onethread_proto::identity::{CreateApiKeyRequest, DeleteApiKeyRequest, ListApiKeysRequest};
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::Owner,
    extract::{Body, Faults, Paging, PathId, Query},
    json::{ApiKey, List, NewApiKey},
    openapi::Problems,
    problem::ApiResult,
};

/// The organization's API keys, without their secrets. For owners.
#[utoipa::path(get, path = "/api-keys", operation_id = "listApiKeys", tag = "organization",
    params(Paging),
    responses((status = 200, description = "A page of keys.", body = List<ApiKey>),
        Problems<(Owner, Query<Paging>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<List<ApiKey>>> {
    let request = ListApiKeysRequest {
        organization_id: owner.organization.to_string(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.api_keys().list_api_keys(request).await?.into_inner();
    let items = page.api_keys.into_iter().map(ApiKey::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// An API key to create.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct ApiKeyName {
    /// What owners call it.
    #[deserr(default)]
    #[schema(max_length = 255)]
    name: Option<String>,
}

/// Creates an API key. It is shown only this once. For owners.
#[utoipa::path(post, path = "/api-keys", operation_id = "createApiKey", tag = "organization",
    request_body = ApiKeyName,
    responses((status = 201, description = "The key.", body = NewApiKey),
        Problems<(Owner, Body<ApiKeyName>)>))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body<ApiKeyName>,
) -> ApiResult<(StatusCode, Json<NewApiKey>)> {
    let request = CreateApiKeyRequest {
        organization_id: owner.organization.to_string(),
        name: body.content()?.name.unwrap_or_default(),
        actor: Some(owner.actor()),
        request_id: String::new(),
    };
    let answer = app.clients.api_keys().create_api_key(request).await?.into_inner();
    let key = NewApiKey::new(answer.api_key.unwrap_or_default(), answer.secret);
    Ok((StatusCode::CREATED, Json(key)))
}

/// Revokes an API key: it stops at once, its streams within a second. For owners.
#[utoipa::path(delete, path = "/api-keys/{id}", operation_id = "revokeApiKey",
    tag = "organization", params(PathId<ApiKeyId>),
    responses((status = 204, description = "The key is revoked."), Problems<(Owner, PathId<ApiKeyId>)>))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<ApiKeyId>,
) -> ApiResult<StatusCode> {
    let request = DeleteApiKeyRequest {
        organization_id: owner.organization.to_string(),
        api_key_id: id.to_string(),
        actor: Some(owner.actor()),
    };
    app.clients.api_keys().delete_api_key(request).await?;
    app.revocations.note(owner.organization, [id.0]);
    Ok(StatusCode::NO_CONTENT)
}
