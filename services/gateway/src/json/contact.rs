//! People: as they see themselves, and as agents see them.

use onethread_core::Timestamp;
use onethread_proto::identity::{self, Source, Verification};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{some, time, value};

/// What a person may see of themself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    id: String,
    user_id: Option<String>,
    name: String,
    name_generated: bool,
    email: Option<String>,
    phone: Option<String>,
    company: Option<String>,
    custom_data: Map<String, Value>,
}

impl From<identity::Person> for Person {
    fn from(person: identity::Person) -> Self {
        Self {
            id: person.id,
            user_id: person.user_id,
            name: person.name,
            name_generated: person.name_generated,
            email: person.email,
            phone: person.phone,
            company: person.company,
            custom_data: value::object(person.custom_data),
        }
    }
}

/// A field that was left as it was.
#[derive(Debug, Serialize)]
pub(crate) struct Warning {
    pub(crate) pointer: String,
    detail: String,
}

impl From<identity::Warning> for Warning {
    fn from(warning: identity::Warning) -> Self {
        Self { pointer: warning.pointer, detail: warning.detail }
    }
}

/// What agents see of a contact.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    #[serde(flatten)]
    person: Person,
    source: &'static str,
    tags: Vec<String>,
    verified: &'static str,
    blocked: bool,
    first_seen_at: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
    sessions: i64,
    page: Option<Page>,
    platform: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    devices: Vec<Device>,
    created_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Page {
    url: String,
    title: String,
    referrer: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    id: String,
    platform: String,
    last_seen_at: Option<Timestamp>,
}

impl From<identity::Contact> for Contact {
    fn from(contact: identity::Contact) -> Self {
        let page = |page: identity::Page| Page {
            url: page.url,
            title: page.title,
            referrer: page.referrer,
        };
        Self {
            source: source(contact.source()),
            verified: verified(contact.verification()),
            person: contact.person.unwrap_or_default().into(),
            tags: contact.tags,
            blocked: contact.blocked,
            first_seen_at: time(contact.first_seen_at),
            last_seen_at: time(contact.last_seen_at),
            sessions: contact.sessions,
            page: contact.page.filter(|page| !page.url.is_empty()).map(page),
            platform: contact.devices.first().map(|device| device.platform.clone()),
            locale: some(contact.locale),
            time_zone: some(contact.time_zone),
            devices: contact.devices.into_iter().map(Device::from).collect(),
            created_at: time(contact.created_at),
        }
    }
}

impl From<identity::Device> for Device {
    fn from(device: identity::Device) -> Self {
        let last_seen_at = time(device.last_seen_at);
        Self { id: device.id, platform: device.platform, last_seen_at }
    }
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Identified => "identified",
        Source::PreChat => "pre-chat",
        Source::Import => "import",
        Source::Agent => "agent",
        Source::Api => "api",
        Source::Visitor | Source::Unspecified => "visitor",
    }
}

pub(super) fn verified(verification: Verification) -> &'static str {
    match verification {
        Verification::None | Verification::Unspecified => "none",
        Verification::SecurityHash => "security_hash",
        Verification::Hmac => "hmac",
        Verification::Jwt => "jwt",
    }
}
