//! Claims from the company's side.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use onethread_proto::identity::{ResetSecurityHashRequest, SetSecurityHashRequest};

use crate::{
    app::App,
    auth::{Owner, Staff},
    extract::{Body, PathId},
    json::{ClaimReset, NewClaim},
    openapi::{
        Refusals,
        reasons::{ClaimExists, NoUserId},
    },
    problem::ApiResult,
};

/// Claims the contact's user id before any page does. Sessions of the contact end.
#[utoipa::path(put, path = "/contacts/{id}/security-hash", operation_id = "setSecurityHash",
    tag = "contacts", params(PathId), request_body = NewClaim,
    responses((status = 204, description = "It is claimed."),
        Refusals<(Staff, PathId, Body, ClaimExists, NoUserId)>))]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(contact_id): PathId,
    body: Body,
) -> ApiResult<StatusCode> {
    let request = SetSecurityHashRequest {
        actor: Some(staff.actor()),
        organization_id: staff.organization.clone(),
        contact_id: contact_id.clone(),
        security_hash: body.text("securityHash")?,
    };
    app.contacts().set_security_hash(request).await?;
    app.revocations.forget(&staff.organization, [contact_id.as_str()]);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the claim away, for a reason that the audit keeps. Sessions of the contact end. For owners.
#[utoipa::path(delete, path = "/contacts/{id}/security-hash", operation_id = "resetSecurityHash",
    tag = "contacts", params(PathId), request_body = ClaimReset,
    responses((status = 204, description = "Nobody has claimed it."),
        Refusals<(Owner, PathId, Body)>))]
pub(super) async fn reset(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(contact_id): PathId,
    body: Body,
) -> ApiResult<StatusCode> {
    let request = ResetSecurityHashRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.clone(),
        contact_id: contact_id.clone(),
        reason: body.text("reason")?,
    };
    app.contacts().reset_security_hash(request).await?;
    app.revocations.forget(&owner.organization, [contact_id.as_str()]);
    Ok(StatusCode::NO_CONTENT)
}
