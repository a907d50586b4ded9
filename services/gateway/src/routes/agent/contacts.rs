//! The organization's contacts.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::Deserr;
use http::StatusCode;
use onethread_core::{ContactId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_proto::identity::{
    ContactChanges, DeleteContactRequest, GetContactRequest, ListContactsRequest,
    UpdateContactRequest, UpsertContactRequest, UserClaims,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::contact_search::order_by;
use crate::{
    app::App,
    authentication::ApiCaller,
    clients::answered_id,
    extract::{Body, Faults, Member, Paging, PathId, Query, flattened},
    json::{Contact, List, Warning, attributes_to_wire, to_wire},
    openapi::{AttributeChange, Problems},
    problem::ApiResult,
};

/// How the list of contacts is sorted.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults)]
#[into_params(parameter_in = Query)]
pub(super) struct ContactOrder {
    /// `-` in front descends.
    #[deserr(default)]
    #[param(value_type = Option<String>, pattern = "^-?(name|createdAt|lastSeenAt)$")]
    sort: Option<Sort>,
}

/// A field to sort by.
#[derive(Debug)]
struct Sort(String);

impl Sort {
    const FIELDS: [&str; 3] = ["name", "createdAt", "lastSeenAt"];
}

impl Deserr<Faults> for Sort {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        location: deserr::ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        let sort = String::deserialize_from_value(value, location)?;
        if Self::FIELDS.contains(&sort.strip_prefix('-').unwrap_or(&sort)) {
            return Ok(Self(sort));
        }
        Err(Faults::one(location, "is not name, createdAt or lastSeenAt"))
    }
}

/// The organization's contacts.
#[utoipa::path(get, path = "/contacts", operation_id = "listContacts", tag = "contacts",
    params(ContactOrder, Paging),
    responses((status = 200, description = "A page of contacts.", body = List<Contact>),
        Problems<(ApiCaller, Query<Paging>, Query<ContactOrder>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    Query(paging): Query<Paging>,
    Query(order): Query<ContactOrder>,
) -> ApiResult<Json<List<Contact>>> {
    let request = ListContactsRequest {
        organization_id: caller.organization.to_string(),
        order_by: order.sort.map(|sort| order_by(&sort.0)).unwrap_or_default(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.contacts().list_contacts(request).await?.into_inner();
    let items = page.contacts.into_iter().map(Contact::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// A contact, as agents and servers describe it. Absent members stay as they are, null clears.
#[derive(Debug, ToSchema)]
pub(super) struct ContactFields {
    #[serde(flatten)]
    identification: ContactIdentification,
    #[serde(flatten)]
    patch: ContactPatch,
}

/// Who a contact is for the organization.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct ContactIdentification {
    /// The organization's own id of the contact: up to 255 bytes, compared byte for byte.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 255)]
    user_id: Member,
}

/// Changes of a contact. Absent members stay as they are, null clears.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct ContactPatch {
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    email: Member,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    name: Member,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    phone: Member,
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    company: Member,
    /// Up to 100 attributes; a null removes one. Names: 1 to 64 letters, digits, blanks, `_`,
    /// `.` and `-`.
    #[deserr(default)]
    #[schema(value_type = Option<BTreeMap<String, AttributeChange>>)]
    custom_data: Member,
    /// Instead of the earlier tags; up to 100.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<String>>)]
    tags: Member,
    /// Messages of a blocked contact are rejected.
    #[deserr(default)]
    #[schema(value_type = Option<bool>)]
    blocked: Member,
}

flattened!(ContactFields { identification, patch });

impl ContactFields {
    /// For identity, with warnings about what is stored differently.
    fn into_changes(self) -> (ContactChanges, Vec<Warning>) {
        let Self { identification, patch } = self;
        let (custom_data, warnings) = attributes_to_wire(patch.custom_data, "/customData");
        let user = UserClaims {
            user_id: to_wire(identification.user_id),
            email: to_wire(patch.email),
            name: to_wire(patch.name),
            phone: to_wire(patch.phone),
            company: to_wire(patch.company),
            custom_data,
            ..UserClaims::default()
        };
        let (tags, blocked) = (to_wire(patch.tags), to_wire(patch.blocked));
        (ContactChanges { user: Some(user), tags, blocked }, warnings)
    }
}

/// A contact after a change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedContact {
    #[serde(flatten)]
    contact: Contact,
    /// What was stored differently. Absent if nothing was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    warnings: Vec<Warning>,
}

/// Creates a contact, or changes the contact with the `userId`.
#[utoipa::path(post, path = "/contacts", operation_id = "upsertContact", tag = "contacts",
    request_body = ContactFields,
    responses(
        (status = 201, description = "A new contact.", body = ChangedContact),
        (status = 200, description = "The existing contact, changed.", body = ChangedContact),
        Problems<(ApiCaller, Body<ContactFields>)>,
    ))]
pub(super) async fn upsert(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    body: Body<ContactFields>,
) -> ApiResult<(StatusCode, Json<ChangedContact>)> {
    let (changes, warnings) = body.content()?.into_changes();
    let request = UpsertContactRequest {
        organization_id: caller.organization.to_string(),
        actor: Some(caller.actor()),
        changes: Some(changes),
    };
    let answer = app.clients.contacts().upsert_contact(request).await?.into_inner();
    if answer.created {
        let contact = answer.contact.unwrap_or_default().into();
        return Ok((StatusCode::CREATED, Json(ChangedContact { contact, warnings })));
    }
    let person = answer.contact.and_then(|contact| contact.person).unwrap_or_default();
    let id = answered_id(&person.id)?;
    app.contact_changed(caller.organization, id);
    let contact = find(&app, caller.organization, id).await?;
    Ok((StatusCode::OK, Json(ChangedContact { contact, warnings })))
}

/// Changes a contact.
#[utoipa::path(patch, path = "/contacts/{id}", operation_id = "updateContact", tag = "contacts",
    params(PathId<ContactId>), request_body = ContactPatch,
    responses((status = 200, description = "The contact as it is now.", body = ChangedContact),
        Problems<(ApiCaller, PathId<ContactId>, Body<ContactFields>)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ContactId>,
    // A user id is read although it can't be changed, so that identity rejects it by name.
    body: Body<ContactFields>,
) -> ApiResult<Json<ChangedContact>> {
    let (changes, warnings) = body.content()?.into_changes();
    let request = UpdateContactRequest {
        organization_id: caller.organization.to_string(),
        contact_id: id.to_string(),
        changes: Some(changes),
        actor: Some(caller.actor()),
    };
    let answer = app.clients.contacts().update_contact(request).await?.into_inner();
    app.contact_changed(caller.organization, id);
    let contact = answer.contact.unwrap_or_default().into();
    Ok(Json(ChangedContact { contact, warnings }))
}

/// Erases a contact for ever, with the conversation.
#[utoipa::path(delete, path = "/contacts/{id}", operation_id = "eraseContact", tag = "contacts",
    params(PathId<ContactId>),
    responses((status = 204, description = "The contact is erased."),
        Problems<(ApiCaller, PathId<ContactId>)>))]
pub(super) async fn erase(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ContactId>,
) -> ApiResult<StatusCode> {
    let request = DeleteContactRequest {
        organization_id: caller.organization.to_string(),
        contact_id: id.to_string(),
        actor: Some(caller.actor()),
    };
    app.clients.contacts().delete_contact(request).await?;
    app.contact_changed(caller.organization, id);
    Ok(StatusCode::NO_CONTENT)
}

/// One contact.
#[utoipa::path(get, path = "/contacts/{id}", operation_id = "getContact", tag = "contacts",
    params(PathId<ContactId>),
    responses((status = 200, description = "The contact.", body = Contact),
        Problems<(ApiCaller, PathId<ContactId>)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ContactId>,
) -> ApiResult<Json<Contact>> {
    Ok(Json(find(&app, caller.organization, id).await?))
}

async fn find(app: &App, organization: OrganizationId, id: ContactId) -> Result<Contact> {
    let request =
        GetContactRequest { organization_id: organization.to_string(), contact_id: id.to_string() };
    let answer = app.clients.contacts().get_contact(request).await.map_err(Error::from)?;
    Ok(answer.into_inner().contact.ok_or_else(Error::not_found)?.into())
}
