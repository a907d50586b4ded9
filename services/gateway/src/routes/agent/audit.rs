//! Who changed what that matters for safety.

use std::sync::Arc;

use axum::{Json, extract::State};
use onethread_proto::identity::ListAuditEntriesRequest;

use crate::{
    app::App,
    auth::Owner,
    extract::Paging,
    json::{AuditEntry, List},
    openapi::Refusals,
    problem::ApiResult,
};

/// Changes that matter for safety, newest first. For owners.
#[utoipa::path(get, path = "/audit", operation_id = "listAudit", tag = "organization",
    params(Paging),
    responses((status = 200, description = "A page of the audit.", body = List<AuditEntry>),
        Refusals<(Owner, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    paging: Paging,
) -> ApiResult<Json<List<AuditEntry>>> {
    let request = ListAuditEntriesRequest {
        organization_id: owner.organization,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.organizations().list_audit_entries(request).await?.into_inner();
    let items = page.entries.into_iter().map(AuditEntry::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}
