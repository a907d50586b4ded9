//! The people an organization knows.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use onethread_errors::{Error, Result};
use onethread_proto::identity::{
    DeleteContactRequest, GetContactRequest, ListContactsRequest, UpdateContactRequest,
    UpsertContactRequest,
};

use crate::{
    app::App,
    auth::Staff,
    extract::{Body, Paging, Params, PathId},
    json::{self, Contact, ContactFields, ContactPatch, ContactSearch, List},
    openapi::Refusals,
    problem::{ApiResult, from_service},
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

/// The people who fit a search.
///
/// `q` finds beginnings of words. An attribute equals what is written the same: 12 finds 12 and
/// "12". A page may be shorter than its limit though more follow, where 50,000 people in a row were
/// looked at and hardly anybody fits: `nextCursor` tells.
#[utoipa::path(post, path = "/contacts/search", operation_id = "searchContacts", tag = "contacts",
    request_body = ContactSearch,
    responses((status = 200, description = "A page of people.", body = List<Contact>),
        Refusals<(Staff, Body)>))]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body,
) -> ApiResult<Json<List<Contact>>> {
    let request = json::search(staff.organization, &body)?;
    let page = app.contacts().search_contacts(request).await?.into_inner();
    let items = page.contacts.into_iter().map(Contact::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// Makes a person, or changes the one with the `userId`.
#[utoipa::path(post, path = "/contacts", operation_id = "upsertContact", tag = "contacts",
    request_body = ContactFields,
    responses(
        (status = 201, description = "A new contact.", body = Contact),
        (status = 200, description = "The contact there was, changed.", body = Contact),
        Refusals<(Staff, Body)>,
    ))]
pub(super) async fn upsert(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body,
) -> ApiResult<(StatusCode, Json<Contact>)> {
    let request = UpsertContactRequest {
        organization_id: staff.organization.clone(),
        actor: Some(staff.actor()),
        changes: Some(json::changes(&body)),
    };
    let answer = app.contacts().upsert_contact(request).await?.into_inner();
    if answer.created {
        return Ok((StatusCode::CREATED, Json(answer.contact.unwrap_or_default().into())));
    }
    let id = answer.contact.and_then(|contact| contact.person).unwrap_or_default().id;
    app.forget_person(&staff.organization, &id);
    Ok((StatusCode::OK, Json(find(&app, staff.organization, id).await?)))
}

/// Changes a person.
#[utoipa::path(patch, path = "/contacts/{id}", operation_id = "updateContact", tag = "contacts",
    params(PathId), request_body = ContactPatch,
    responses((status = 200, description = "The contact as it is now.", body = Contact),
        Refusals<(Staff, PathId, Body)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Json<Contact>> {
    let request = UpdateContactRequest {
        organization_id: staff.organization.clone(),
        contact_id: id.clone(),
        changes: Some(json::changes(&body)),
    };
    let answer = app.contacts().update_contact(request).await?.into_inner();
    app.forget_person(&staff.organization, &id);
    Ok(Json(answer.contact.unwrap_or_default().into()))
}

/// Erases a person for ever, the thread included.
#[utoipa::path(delete, path = "/contacts/{id}", operation_id = "eraseContact", tag = "contacts",
    params(PathId),
    responses((status = 204, description = "Erased."), Refusals<(Staff, PathId)>))]
pub(super) async fn erase(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<StatusCode> {
    let request = DeleteContactRequest {
        organization_id: staff.organization.clone(),
        contact_id: id.clone(),
        actor: Some(staff.actor()),
    };
    app.contacts().delete_contact(request).await?;
    app.forget_person(&staff.organization, &id);
    Ok(StatusCode::NO_CONTENT)
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
    Ok(Json(find(&app, staff.organization, id).await?))
}

async fn find(app: &App, organization_id: String, contact_id: String) -> Result<Contact> {
    let request = GetContactRequest { organization_id, contact_id };
    let answer = app.contacts().get_contact(request).await.map_err(from_service)?.into_inner();
    Ok(answer.contact.ok_or_else(Error::not_found)?.into())
}
