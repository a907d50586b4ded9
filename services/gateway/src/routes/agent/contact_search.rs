//! Searching contacts: by words and by conditions on their fields.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use onethread_core::OrganizationId;
use onethread_proto::identity::{self, SearchContactsRequest};
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::ApiCaller,
    extract::{Body, Faults, by_rule, cut_limit, to_digit_text},
    json::{Contact, List, value_to_wire},
    openapi::{AttributeChange, Problems},
    problem::ApiResult,
};

/// What contacts are searched by. All of it has to match.
#[derive(Debug, Default, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct ContactSearch {
    /// Beginnings of words of name, email, phone, company and user id.
    #[deserr(default)]
    #[schema(max_length = 256)]
    q: Option<String>,
    #[deserr(default)]
    #[schema(max_items = 20)]
    filter: Option<Vec<ContactFilter>>,
    /// Search visitors as well, who aren't in Contacts.
    #[deserr(default)]
    include_visitors: Option<bool>,
    #[deserr(default)]
    #[schema(pattern = "^-?(name|createdAt|lastSeenAt)$")]
    sort: Option<String>,
    #[deserr(default)]
    #[schema(value_type = Option<i64>, minimum = 1)]
    limit: Option<SearchLimit>,
    #[deserr(default)]
    cursor: Option<String>,
}

/// One condition.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
struct ContactFilter {
    /// `userId`, `email`, `name`, `phone`, `company`, `source`, `tags`, `lastSeenAt`, `createdAt`
    /// or `custom.<key>`.
    field: String,
    /// `~` is contains, in any case.
    #[schema(pattern = "^(=|!=|~|<|>)$")]
    operator: String,
    /// A text, a number, true or false, an ISO date or time; null asks whether there is a value.
    #[schema(value_type = Option<AttributeChange>)]
    value: serde_json::Value,
}

impl ContactFilter {
    fn into_wire(self) -> identity::ContactFilter {
        let Self { field, operator, mut value } = self;
        // Attributes have the digits of a large number as a text, which has no order as a number.
        if to_digit_text(&mut value) && matches!(operator.as_str(), "<" | ">") {
            let number = value.as_str().and_then(|digits| digits.parse::<f64>().ok());
            value = number.map_or(value, serde_json::Value::from);
        }
        identity::ContactFilter { field, operator, value: Some(value_to_wire(&value)) }
    }
}

/// Rows of a page in a body, cut to the longest page.
#[derive(Debug)]
struct SearchLimit(i32);

impl Deserr<Faults> for SearchLimit {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not a whole number from 1", |value| {
            value.as_u64().filter(|limit| *limit > 0).map(cut_limit).map(Self)
        })
    }
}

impl ContactSearch {
    pub(super) fn into_request(self, organization: OrganizationId) -> SearchContactsRequest {
        let filters = self.filter.unwrap_or_default().into_iter().map(ContactFilter::into_wire);
        SearchContactsRequest {
            organization_id: organization.to_string(),
            q: self.q.unwrap_or_default(),
            filters: filters.collect(),
            include_visitors: self.include_visitors.unwrap_or_default(),
            sort: self.sort.unwrap_or_default(),
            page_size: self.limit.map(|limit| limit.0).unwrap_or_default(),
            page_token: self.cursor.unwrap_or_default(),
        }
    }
}

/// The contacts that match a search.
///
/// `q` finds beginnings of words. An attribute equals what is written the same: 12 finds 12 and
/// "12". A page may be shorter than its limit though more contacts follow, if hardly any of 50,000
/// contacts in a row match: `nextCursor` tells.
#[utoipa::path(post, path = "/contacts/search", operation_id = "searchContacts", tag = "contacts",
    request_body = ContactSearch,
    responses((status = 200, description = "A page of contacts.", body = List<Contact>),
        Problems<(ApiCaller, Body<ContactSearch>)>))]
pub(super) async fn search(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    body: Body<ContactSearch>,
) -> ApiResult<Json<List<Contact>>> {
    let request = body.content()?.into_request(caller.organization);
    let page = app.clients.contacts().search_contacts(request).await?.into_inner();
    let items = page.contacts.into_iter().map(Contact::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}
