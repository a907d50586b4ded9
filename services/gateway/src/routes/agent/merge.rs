//! Two contacts who are one person, joined by hand.

use std::sync::Arc;

use axum::{Json, extract::State};
use onethread_errors::Error;
use onethread_proto::identity::MergeContactsRequest;
use uuid::Uuid;

use crate::{
    app::App,
    auth::Staff,
    extract::{Body, PathId},
    json::{Contact, Merge},
    openapi::{Refusals, reasons::TwoUserIds},
    problem::ApiResult,
};

/// Joins this contact into another one, who goes on with what both had.
///
/// Own fields win, blanks are filled. A user id that only this one has goes along with its claim;
/// two user ids are two people. This one's id ends: sessions of it are over, and nothing is found
/// under it any more. With `dryRun` the answer is the contact as it would be, and nothing changes.
#[utoipa::path(post, path = "/contacts/{id}/merge", operation_id = "mergeContact", tag = "contacts",
    params(PathId), request_body = Merge,
    responses((status = 200, description = "The contact who goes on.", body = Contact),
        Refusals<(Staff, PathId, Body, TwoUserIds)>))]
pub(super) async fn merge(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(contact_id): PathId,
    body: Body,
) -> ApiResult<Json<Contact>> {
    let into = body.text("intoId")?;
    let into = Uuid::parse_str(&into).map_err(|_| Error::invalid("/intoId", "is not a UUID"))?;
    let (into_id, dry_run) = (into.to_string(), body.optional_truth("dryRun")?.unwrap_or(false));
    let request = MergeContactsRequest {
        organization_id: staff.organization.clone(),
        contact_id: contact_id.clone(),
        into_id: into_id.clone(),
        dry_run,
        actor: Some(staff.actor()),
    };
    let answer = app.contacts().merge_contacts(request).await?.into_inner();
    if !dry_run {
        for id in [&contact_id, &into_id] {
            app.forget_person(&staff.organization, id);
        }
    }
    Ok(Json(answer.contact.unwrap_or_default().into()))
}
