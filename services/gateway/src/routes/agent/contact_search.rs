//! Searching contacts: by words and by conditions on their fields.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use onethread_core::OrganizationId;
use onethread_errors::Error;
use onethread_proto::identity::{self, ContactFilterOperator, SearchContactsRequest};
use tonic::Status;
use utoipa::ToSchema;

use crate::{
    app::App,
    authentication::ApiCaller,
    extract::{Body, Faults, by_rule, cut_limit, to_digit_text},
    json::{Contact, List, UNKNOWN_VALUE, value_to_wire},
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
        identity::ContactFilter {
            field: field_to_wire(field),
            operator: operator_to_wire(&operator),
            value: Some(value_to_wire(&value)),
        }
    }
}

/// The field of a filter for identity.
fn field_to_wire(name: String) -> String {
    match name.as_str() {
        "userId" => "user_id".to_owned(),
        "lastSeenAt" => "last_seen_at".to_owned(),
        "createdAt" => "created_at".to_owned(),
        // Names of the contract are none of the API.
        "user_id" | "last_seen_at" | "created_at" => "unknown".to_owned(),
        _ => name,
    }
}

fn operator_to_wire(symbol: &str) -> i32 {
    match symbol {
        "=" => ContactFilterOperator::Equal.into(),
        "!=" => ContactFilterOperator::NotEqual.into(),
        "~" => ContactFilterOperator::Contains.into(),
        "<" => ContactFilterOperator::Less.into(),
        ">" => ContactFilterOperator::Greater.into(),
        _ => UNKNOWN_VALUE,
    }
}

/// The order of a list for identity. A sort that isn't one of the API's is an order that identity
/// rejects.
pub(super) fn order_by(sort: &str) -> String {
    let (name, direction) = match sort.strip_prefix('-') {
        Some(name) => (name, " desc"),
        None => (sort, ""),
    };
    let field = match name {
        "" => return String::new(),
        "name" => "name",
        "createdAt" => "created_at",
        "lastSeenAt" => "last_seen_at",
        _ => "unknown",
    };
    format!("{field}{direction}")
}

/// A search that failed. Identity lists the fields as its contract names them, and clients need the
/// names of the API.
pub(super) fn search_error(status: Status) -> Error {
    let mut error = Error::from(status);
    for field in &mut error.fields {
        let detail = match field.path.as_str() {
            "order_by" => "is not name, createdAt or lastSeenAt, with or without -",
            path if path.starts_with("filters[") && path.ends_with("].field") => {
                "is not userId, email, name, phone, company, source, tags, lastSeenAt, createdAt or \
                 custom.<key>"
            }
            _ => continue,
        };
        detail.clone_into(&mut field.detail);
    }
    error
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
            query: self.q.unwrap_or_default(),
            filters: filters.collect(),
            include_visitors: self.include_visitors.unwrap_or_default(),
            order_by: order_by(&self.sort.unwrap_or_default()),
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
    let page = app.clients.contacts().search_contacts(request).await;
    let page = page.map_err(search_error)?.into_inner();
    let items = page.contacts.into_iter().map(Contact::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_and_fields_of_the_api_have_names_of_the_contract() {
        for (sort, order) in [
            ("", ""),
            ("-", ""),
            ("name", "name"),
            ("-createdAt", "created_at desc"),
            ("lastSeenAt", "last_seen_at"),
            ("created_at", "unknown"),
            ("name desc", "unknown"),
        ] {
            assert_eq!(order_by(sort), order, "{sort}");
        }
        for (name, field) in
            [("userId", "user_id"), ("user_id", "unknown"), ("custom.userId", "custom.userId")]
        {
            assert_eq!(field_to_wire(name.to_owned()), field);
        }
    }
}
