//! Merging two contacts by hand.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::Deserr;
use onethread_core::ContactId;
use onethread_proto::identity::MergeContactsRequest;
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::ApiCaller,
    extract::{Body, Faults, PathId},
    json::Contact,
    openapi::{Problems, reasons::TwoUserIds},
    problem::ApiResult,
};

/// The contact into which another one is merged.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct ContactMerge {
    /// The contact that stays, unless this one is better protected.
    #[schema(value_type = String, format = Uuid)]
    into_id: ContactId,
    /// The answer is the contact as it would be, and nothing changes.
    #[deserr(default)]
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// Merges this contact into another one, which then has the data of both.
///
/// The contact that stays is the one with a user id, regardless of `intoId`: no merge shows a visitor
/// what a known person wrote. Of two without, it is the one that no visitor reads, else `intoId`.
/// Its fields stay and its empty ones are filled; the other contact's id stops to exist and its
/// sessions end. Two contacts with user ids can't be merged. With `dryRun` the answer is the contact as it would be, and
/// nothing changes.
#[utoipa::path(post, path = "/contacts/{id}/merge", operation_id = "mergeContact", tag = "contacts",
    params(PathId<ContactId>), request_body = ContactMerge,
    responses((status = 200, description = "The contact that stays.", body = Contact),
        Problems<(ApiCaller, PathId<ContactId>, Body<ContactMerge>, TwoUserIds)>))]
pub(super) async fn merge(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ContactId>,
    body: Body<ContactMerge>,
) -> ApiResult<Json<Contact>> {
    let ContactMerge { into_id, dry_run } = body.content()?;
    let dry_run = dry_run.unwrap_or(false);
    let request = MergeContactsRequest {
        organization_id: caller.organization.to_string(),
        source_contact_id: id.to_string(),
        target_contact_id: into_id.to_string(),
        validate_only: dry_run,
        actor: Some(caller.actor()),
    };
    let answer = app.clients.contacts().merge_contacts(request).await?.into_inner();
    if !dry_run {
        for contact in [id, into_id] {
            app.contact_changed(caller.organization, contact);
        }
    }
    Ok(Json(answer.contact.unwrap_or_default().into()))
}
