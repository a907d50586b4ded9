//! Addresses from which widgets are not served, for owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use onethread_errors::Error;
use onethread_proto::identity::{
    CreateBlockedAddressRequest, DeleteBlockedAddressRequest, ListBlockedAddressesRequest,
};

use crate::{
    app::App,
    auth::Owner,
    extract::{Body, Paging, PathId},
    json::{BlockedAddress, List, NewBlockedAddress},
    openapi::{Refusals, reasons::TooManyAddresses},
    problem::ApiResult,
};

/// The blocked addresses, oldest first. For owners.
#[utoipa::path(get, path = "/blocked-addresses", operation_id = "listBlockedAddresses",
    tag = "organization", params(Paging),
    responses((status = 200, description = "A page of them.", body = List<BlockedAddress>),
        Refusals<(Owner, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    paging: Paging,
) -> ApiResult<Json<List<BlockedAddress>>> {
    let request = ListBlockedAddressesRequest {
        organization_id: owner.organization,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.blocked_addresses().list_blocked_addresses(request).await?.into_inner();
    let items = page.addresses.into_iter().map(BlockedAddress::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// Blocks an address or a network: calls of widgets from there are refused, their streams end
/// within a second. For owners.
#[utoipa::path(post, path = "/blocked-addresses", operation_id = "blockAddress",
    tag = "organization", request_body = NewBlockedAddress,
    responses(
        (status = 201, description = "It is blocked.", body = BlockedAddress),
        (status = 200, description = "It was blocked before; the reason is the new one.",
            body = BlockedAddress),
        Refusals<(Owner, Body, TooManyAddresses)>,
    ))]
pub(super) async fn block(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body,
) -> ApiResult<(StatusCode, Json<BlockedAddress>)> {
    let request = CreateBlockedAddressRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.clone(),
        address: body.text("address")?,
        reason: body.optional_text("reason")?.unwrap_or_default(),
    };
    let answer = app.blocked_addresses().create_blocked_address(request).await?.into_inner();
    app.revocations.forget(&owner.organization, []);
    let address = answer.address.ok_or_else(|| Error::internal("identity answered nothing"))?;
    let status = if answer.was_blocked { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(address.into())))
}

/// Serves an address or a network again. For owners.
#[utoipa::path(delete, path = "/blocked-addresses/{id}", operation_id = "unblockAddress",
    tag = "organization", params(PathId),
    responses((status = 204, description = "It is served again."), Refusals<(Owner, PathId)>))]
pub(super) async fn unblock(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
) -> ApiResult<StatusCode> {
    let request = DeleteBlockedAddressRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization,
        blocked_address_id: id,
    };
    app.blocked_addresses().delete_blocked_address(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
