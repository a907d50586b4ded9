//! Keys with which a company's server proves user ids. For owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use onethread_core::{IdentityKeyId, Timestamp};
use onethread_grpc::to_timestamp;
use onethread_proto::identity::{
    CreateIdentityKeyRequest, DeleteIdentityKeyRequest, ListIdentityKeysRequest,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::Owner,
    extract::PathId,
    json::List,
    openapi::{Problems, Time, reasons::TooManyKeys},
    problem::ApiResult,
};

/// A live key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct IdentityKey {
    /// `kid` of a `user_jwt`.
    #[schema(format = Uuid)]
    key_id: String,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
}

/// A new key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewIdentityKey {
    /// `kid` of a `user_jwt`.
    #[schema(format = Uuid)]
    key_id: String,
    /// Shown only this once. Its UTF-8 bytes key `user_hash` and HS256.
    key: String,
}

/// The live keys, oldest first: two at most.
#[utoipa::path(get, path = "/identity-keys", operation_id = "listIdentityKeys",
    tag = "organization",
    responses((status = 200, description = "The keys.", body = List<IdentityKey>),
        Problems<(Owner,)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
) -> ApiResult<Json<List<IdentityKey>>> {
    let request = ListIdentityKeysRequest { organization_id: owner.organization.to_string() };
    let keys = app.clients.identity_keys().list_identity_keys(request).await?;
    let items = keys.into_inner().identity_keys.into_iter().map(|key| IdentityKey {
        created_at: key.created_at.as_ref().map(to_timestamp),
        key_id: key.id,
    });
    Ok(Json(List::new(items.collect(), String::new())))
}

/// Creates a key.
#[utoipa::path(post, path = "/identity-keys", operation_id = "createIdentityKey",
    tag = "organization",
    responses((status = 201, description = "The key.", body = NewIdentityKey),
        Problems<(Owner, TooManyKeys)>))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    owner: Owner,
) -> ApiResult<(StatusCode, Json<NewIdentityKey>)> {
    let request = CreateIdentityKeyRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        request_id: String::new(),
    };
    let answer = app.clients.identity_keys().create_identity_key(request).await?.into_inner();
    let key_id = answer.identity_key.unwrap_or_default().id;
    Ok((StatusCode::CREATED, Json(NewIdentityKey { key_id, key: answer.secret })))
}

/// Deletes a key: it proves nothing any more, and sessions that it proved end.
#[utoipa::path(delete, path = "/identity-keys/{id}", operation_id = "deleteIdentityKey",
    tag = "organization", params(PathId<IdentityKeyId>),
    responses((status = 204, description = "The key is deleted."), Problems<(Owner, PathId<IdentityKeyId>)>))]
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<IdentityKeyId>,
) -> ApiResult<StatusCode> {
    let request = DeleteIdentityKeyRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        identity_key_id: id.to_string(),
    };
    app.clients.identity_keys().delete_identity_key(request).await?;
    app.revocations.note_organization(owner.organization);
    Ok(StatusCode::NO_CONTENT)
}
