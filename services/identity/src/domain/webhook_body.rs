//! What a webhook is sent: the JSON of one event. Proofs and claims are no part of it.

use onethread_core::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::domain::{
    contact::{Contact, Page},
    webhook::Event,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, T> {
    id: Uuid,
    event: &'static str,
    created_at: Timestamp,
    data: &'a T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContactData<'a> {
    id: Uuid,
    user_id: Option<&'a str>,
    name: String,
    name_generated: bool,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    company: Option<&'a str>,
    custom_data: &'a Map<String, Value>,
    source: &'static str,
    tags: &'a [String],
    blocked: bool,
    first_seen_at: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
    sessions: i64,
    page: Option<&'a Page>,
    locale: Option<&'a str>,
    time_zone: Option<&'a str>,
    created_at: Timestamp,
}

/// The body that tells of a contact.
pub(crate) fn contact_body(id: Uuid, event: Event, contact: &Contact, now: Timestamp) -> String {
    let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let (name, name_generated) = contact.shown_name();
    let (locale, time_zone) = (some(&contact.locale), some(&contact.time_zone));
    let data = ContactData {
        id: contact.id.0,
        user_id: contact.user_id.as_deref(),
        name,
        name_generated,
        email: contact.email.as_deref(),
        phone: contact.phone.as_deref(),
        company: contact.company.as_deref(),
        custom_data: &contact.custom,
        source: contact.source.name(),
        tags: &contact.tags,
        blocked: contact.blocked,
        first_seen_at: contact.first_seen_at,
        last_seen_at: contact.last_seen_at,
        sessions: contact.sessions,
        page: contact.page.as_ref().filter(|page| !page.url.is_empty()),
        locale: locale.as_deref(),
        time_zone: time_zone.as_deref(),
        created_at: contact.created_at,
    };
    body(id, event, now, &data)
}

fn body<T: Serialize>(id: Uuid, event: Event, created_at: Timestamp, data: &T) -> String {
    let body = Body { id, event: event.name(), created_at, data };
    serde_json::to_string(&body).expect("texts and numbers are JSON")
}
