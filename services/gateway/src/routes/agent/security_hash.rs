//! Setting and resetting claims from the company's side.

use std::sync::Arc;

use axum::extract::State;
use deserr::Deserr;
use http::StatusCode;
use onethread_core::ContactId;
use onethread_proto::identity::{DeleteSecurityHashRequest, SetSecurityHashRequest};
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::{ApiCaller, Owner},
    extract::{Body, Faults, PathId},
    openapi::{
        Problems,
        reasons::{ClaimExists, NoUserId},
    },
    problem::ApiResult,
};

/// A claim to set.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct NewClaim {
    #[schema(format = Password, min_length = 1, max_length = 1024)]
    security_hash: String,
}

/// Claims the contact's user id before any page does. Sessions of the contact end. For owners and
/// servers.
#[utoipa::path(put, path = "/contacts/{id}/security-hash", operation_id = "setSecurityHash",
    tag = "contacts", params(PathId<ContactId>), request_body = NewClaim,
    responses((status = 204, description = "The user id is claimed."),
        Problems<(ApiCaller, PathId<ContactId>, Body<NewClaim>, ClaimExists, NoUserId)>))]
pub(super) async fn set(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ContactId>,
    body: Body<NewClaim>,
) -> ApiResult<StatusCode> {
    // Who sets a claim decides who may read the thread.
    let caller = caller.owner_or_server()?;
    let request = SetSecurityHashRequest {
        actor: Some(caller.actor()),
        organization_id: caller.organization.to_string(),
        contact_id: id.to_string(),
        security_hash: body.content()?.security_hash,
    };
    app.clients.contacts().set_security_hash(request).await?;
    app.revocations.note(caller.organization, [id.0]);
    Ok(StatusCode::NO_CONTENT)
}

/// The reset of a claim.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct ClaimReset {
    /// The reason, for the audit log.
    #[schema(min_length = 1, max_length = 1024)]
    reason: String,
}

/// Resets the claim, for a reason that the audit log keeps. Sessions of the contact end. For owners.
#[utoipa::path(delete, path = "/contacts/{id}/security-hash", operation_id = "resetSecurityHash",
    tag = "contacts", params(PathId<ContactId>), request_body = ClaimReset,
    responses((status = 204, description = "The user id is unclaimed."),
        Problems<(Owner, PathId<ContactId>, Body<ClaimReset>)>))]
pub(super) async fn reset(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<ContactId>,
    body: Body<ClaimReset>,
) -> ApiResult<StatusCode> {
    let request = DeleteSecurityHashRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        contact_id: id.to_string(),
        reason: body.content()?.reason,
    };
    app.clients.contacts().delete_security_hash(request).await?;
    app.revocations.note(owner.organization, [id.0]);
    Ok(StatusCode::NO_CONTENT)
}
