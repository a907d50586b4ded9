//! What agents and servers say of people, and whom they look for. Identity judges the values.

use onethread_errors::{Error, Result};
use onethread_proto::identity::{ContactChanges, ContactFilter, SearchContactsRequest, UserClaims};
use serde_json::Value;

use super::value::to_wire;
use crate::extract::{Body, cut_limit};

/// A person in the API's own spelling.
pub(crate) fn changes(body: &Body) -> ContactChanges {
    let member = |name: &str| body.0.get(name).map(to_wire);
    let user = UserClaims {
        user_id: member("userId"),
        email: member("email"),
        name: member("name"),
        phone: member("phone"),
        company: member("company"),
        custom_data: member("customData"),
        ..UserClaims::default()
    };
    ContactChanges { user: Some(user), tags: member("tags"), blocked: member("blocked") }
}

/// The body of `POST /v1/contacts/search`.
pub(crate) fn search(organization: String, body: &Body) -> Result<SearchContactsRequest> {
    let text = |name: &str| Ok::<_, Error>(body.optional_text(name)?.unwrap_or_default());
    let include_visitors = match body.0.get("includeVisitors") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(include)) => *include,
        Some(_) => return Err(Error::invalid("/includeVisitors", "is not true or false")),
    };
    Ok(SearchContactsRequest {
        organization_id: organization,
        q: text("q")?,
        filters: filters(body)?,
        include_visitors,
        sort: text("sort")?,
        page_size: limit(body)?,
        page_token: text("cursor")?,
    })
}

fn filters(body: &Body) -> Result<Vec<ContactFilter>> {
    let all = match body.0.get("filter") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(all)) => all,
        Some(_) => return Err(Error::invalid("/filter", "is not a list")),
    };
    let one = |(n, filter): (usize, &Value)| {
        let wrong = |part: &str, why: &str| Error::invalid(format!("/filter/{n}{part}"), why);
        let members = filter.as_object().ok_or_else(|| wrong("", "is not an object"))?;
        let text = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Err(wrong(&format!("/{name}"), "is missing")),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(wrong(&format!("/{name}"), "is not a string")),
        };
        let value = members.get("value").ok_or_else(|| wrong("/value", "is missing"));
        Ok(ContactFilter {
            field: text("field")?,
            operator: text("operator")?,
            value: Some(to_wire(value?)),
        })
    };
    all.iter().enumerate().map(one).collect()
}

fn limit(body: &Body) -> Result<i32> {
    let wrong = || Error::invalid("/limit", "is not a whole number from 1");
    match body.0.get("limit") {
        None | Some(Value::Null) => Ok(0),
        Some(Value::Number(number)) if number.as_i64().is_some_and(|wanted| wanted < 1) => {
            Err(wrong())
        }
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(cut_limit(number.as_u64().unwrap_or(u64::MAX)))
        }
        Some(_) => Err(wrong()),
    }
}
