//! Addresses from which widgets are not served, for owners.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::Deserr;
use http::StatusCode;
use onethread_core::BlockedAddressId;
use onethread_errors::Error;
use onethread_proto::identity::{
    CreateBlockedAddressRequest, DeleteBlockedAddressRequest, ListBlockedAddressesRequest,
};
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::Owner,
    extract::{Body, Faults, Paging, PathId, Query},
    json::{BlockedAddress, List},
    openapi::{Problems, reasons::TooManyAddresses},
    problem::ApiResult,
};

/// The blocked addresses, oldest first. For owners.
#[utoipa::path(get, path = "/blocked-addresses", operation_id = "listBlockedAddresses",
    tag = "organization", params(Paging),
    responses((status = 200, description = "A page of addresses.", body = List<BlockedAddress>),
        Problems<(Owner, Query<Paging>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<List<BlockedAddress>>> {
    let request = ListBlockedAddressesRequest {
        organization_id: owner.organization.to_string(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.blocked_addresses().list_blocked_addresses(request).await?.into_inner();
    let items = page.blocked_addresses.into_iter().map(BlockedAddress::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// An address to block.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct NewBlockedAddress {
    /// An IPv4 or IPv6 address, or a network: of IPv4 at least a /8, of IPv6 at least a /16.
    #[schema(example = "192.0.2.0/24")]
    address: String,
    /// Why, for the organization's agents.
    #[deserr(default)]
    #[schema(max_length = 1024)]
    reason: Option<String>,
}

/// Blocks an address or a network: calls of widgets from there are refused, their streams end
/// within a second. For owners.
#[utoipa::path(post, path = "/blocked-addresses", operation_id = "blockAddress",
    tag = "organization", request_body = NewBlockedAddress,
    responses(
        (status = 201, description = "The address is blocked.", body = BlockedAddress),
        (status = 200, description = "The address was blocked before; the reason is the new one.",
            body = BlockedAddress),
        Problems<(Owner, Body<NewBlockedAddress>, TooManyAddresses)>,
    ))]
pub(super) async fn block(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body<NewBlockedAddress>,
) -> ApiResult<(StatusCode, Json<BlockedAddress>)> {
    let NewBlockedAddress { address, reason } = body.content()?;
    let request = CreateBlockedAddressRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        address,
        reason: reason.unwrap_or_default(),
    };
    let answer =
        app.clients.blocked_addresses().create_blocked_address(request).await?.into_inner();
    app.revocations.note_organization(owner.organization);
    let blocked = answer.blocked_address;
    let blocked = blocked.ok_or_else(|| Error::internal("identity answered nothing"))?;
    let status = if answer.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(blocked.into())))
}

/// Unblocks an address or a network. For owners.
#[utoipa::path(delete, path = "/blocked-addresses/{id}", operation_id = "unblockAddress",
    tag = "organization", params(PathId<BlockedAddressId>),
    responses((status = 204, description = "The address is unblocked."), Problems<(Owner, PathId<BlockedAddressId>)>))]
pub(super) async fn unblock(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<BlockedAddressId>,
) -> ApiResult<StatusCode> {
    let request = DeleteBlockedAddressRequest {
        actor: Some(owner.actor()),
        organization_id: owner.organization.to_string(),
        blocked_address_id: id.to_string(),
    };
    app.clients.blocked_addresses().delete_blocked_address(request).await?;
    Ok(StatusCode::NO_CONTENT)
}
