//! The people an organization knows.

use std::sync::Arc;

use axum::{Json, extract::State};
use onethread_errors::{Error, Result};
use onethread_proto::identity::{GetContactRequest, ListContactsRequest};

use crate::{
    app::App,
    auth::Staff,
    extract::{Paging, Params, PathId},
    json::{Contact, List},
    openapi::Refusals,
    problem::ApiResult,
};

/// What Contacts is sorted by, with `-` in front to descend.
const SORTS: [&str; 3] = ["name", "createdAt", "lastSeenAt"];

/// The people whom the organization knows.
#[utoipa::path(get, path = "/contacts", operation_id = "listContacts", tag = "contacts",
    params(
        ("sort" = Option<String>, Query, pattern = "^-?(name|createdAt|lastSeenAt)$",
            description = "`-` in front descends."),
        Paging,
    ),
    responses((status = 200, description = "A page of people.", body = List<Contact>),
        Refusals<(Staff, Params, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    staff: Staff,
    params: Params,
    paging: Paging,
) -> ApiResult<Json<List<Contact>>> {
    let request = ListContactsRequest {
        organization_id: staff.organization,
        sort: sort(&params)?,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.contacts().list_contacts(request).await?.into_inner();
    let items = page.contacts.into_iter().map(Contact::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

fn sort(params: &Params) -> Result<String> {
    let sort = params.text("sort").unwrap_or_default();
    let field = sort.strip_prefix('-').unwrap_or(sort);
    if sort.is_empty() || SORTS.contains(&field) {
        return Ok(sort.to_owned());
    }
    Err(Error::invalid("/sort", "is not name, createdAt or lastSeenAt"))
}

/// One of them.
#[utoipa::path(get, path = "/contacts/{id}", operation_id = "getContact", tag = "contacts",
    params(PathId),
    responses((status = 200, description = "The contact.", body = Contact),
        Refusals<(Staff, PathId)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Json<Contact>> {
    let request = GetContactRequest { organization_id: staff.organization, contact_id: id };
    let answer = app.contacts().get_contact(request).await?.into_inner();
    Ok(Json(answer.contact.ok_or_else(Error::not_found)?.into()))
}
