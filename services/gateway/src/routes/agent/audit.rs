//! The audit log.

use std::sync::Arc;

use axum::{Json, extract::State};
use onethread_proto::identity::ListAuditEntriesRequest;

use crate::{
    app::App,
    authentication::Owner,
    extract::{Paging, Query},
    json::{AuditEntry, List},
    openapi::Problems,
    problem::ApiResult,
};

/// The audit log, newest entries first. For owners.
#[utoipa::path(get, path = "/audit", operation_id = "listAudit", tag = "organization",
    params(Paging),
    responses((status = 200, description = "A page of the audit.", body = List<AuditEntry>),
        Problems<(Owner, Query<Paging>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<List<AuditEntry>>> {
    let request = ListAuditEntriesRequest {
        organization_id: owner.organization.to_string(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.audit().list_audit_entries(request).await?.into_inner();
    let items = page.entries.into_iter().map(AuditEntry::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}
