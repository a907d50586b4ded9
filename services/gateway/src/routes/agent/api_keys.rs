//! Keys of companies' servers, for owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use onethread_proto::identity::{CreateApiKeyRequest, DeleteApiKeyRequest, ListApiKeysRequest};

use crate::{
    app::App,
    auth::Owner,
    extract::{Body, Paging, PathId},
    json::{ApiKey, ApiKeyName, List, NewApiKey},
    openapi::Refusals,
    problem::ApiResult,
};

/// The organization's API keys, without the keys themselves. For owners.
#[utoipa::path(get, path = "/api-keys", operation_id = "listApiKeys", tag = "organization",
    params(Paging),
    responses((status = 200, description = "A page of keys.", body = List<ApiKey>),
        Refusals<(Owner, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    paging: Paging,
) -> ApiResult<Json<List<ApiKey>>> {
    let request = ListApiKeysRequest {
        organization_id: owner.organization,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.api_keys().list_api_keys(request).await?.into_inner();
    let items = page.api_keys.into_iter().map(ApiKey::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// Makes an API key, shown this once. For owners.
#[utoipa::path(post, path = "/api-keys", operation_id = "createApiKey", tag = "organization",
    request_body = ApiKeyName,
    responses((status = 201, description = "The key.", body = NewApiKey),
        Refusals<(Owner, Body)>))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body,
) -> ApiResult<(StatusCode, Json<NewApiKey>)> {
    let actor = Some(owner.actor());
    let name = body.optional_text("name")?.unwrap_or_default();
    let request = CreateApiKeyRequest { organization_id: owner.organization, name, actor };
    let made = app.api_keys().create_api_key(request).await?.into_inner();
    let made = NewApiKey::new(made.api_key.unwrap_or_default(), made.secret);
    Ok((StatusCode::CREATED, Json(made)))
}

/// Revokes an API key: it stops at once, its streams within a second. For owners.
#[utoipa::path(delete, path = "/api-keys/{id}", operation_id = "revokeApiKey",
    tag = "organization", params(PathId),
    responses((status = 204, description = "The key is revoked."), Refusals<(Owner, PathId)>))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
) -> ApiResult<StatusCode> {
    let actor = Some(owner.actor());
    let organization_id = owner.organization.clone();
    let request = DeleteApiKeyRequest { organization_id, api_key_id: id.clone(), actor };
    app.api_keys().delete_api_key(request).await?;
    app.revocations.forget(&owner.organization, [id.as_str()]);
    Ok(StatusCode::NO_CONTENT)
}
