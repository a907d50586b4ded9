//! Contacts: as they see themselves, and as agents see them.

use onethread_core::Timestamp;
use onethread_proto::identity::{self, ContactVerification, Platform};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{UNKNOWN_VALUE, some, time, value};
use crate::{
    openapi::{Attribute, Time},
    problem::{escape, json_pointer},
};

/// What a visitor or contact sees of themself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    #[schema(format = Uuid)]
    id: String,
    /// The organization's own id of the contact.
    #[schema(required)]
    user_id: Option<String>,
    name: String,
    /// True while no real name is known.
    name_generated: bool,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    phone: Option<String>,
    #[schema(required)]
    company: Option<String>,
    #[schema(value_type = BTreeMap<String, Attribute>)]
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
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Warning {
    /// JSON pointer into what was sent.
    pub(crate) pointer: String,
    detail: String,
}

impl Warning {
    /// Warnings about numbers that are stored as the text of their digits: members of the object at
    /// the pointer.
    pub(crate) fn of_digits(names: Vec<String>, pointer: &str) -> Vec<Self> {
        let warning = |name: String| Self {
            pointer: format!("{pointer}/{}", escape(&name)),
            detail: "is a number beyond 2^53, so its digits are kept as a text".to_owned(),
        };
        names.into_iter().map(warning).collect()
    }

    /// Adds warnings, as far as there is none yet of the same members.
    pub(crate) fn append(warnings: &mut Vec<Self>, mut more: Vec<Self>) {
        more.retain(|one| warnings.iter().all(|known| known.pointer != one.pointer));
        warnings.append(&mut more);
    }
}

impl From<identity::FieldWarning> for Warning {
    fn from(warning: identity::FieldWarning) -> Self {
        Self { pointer: json_pointer(&warning.field), detail: warning.detail }
    }
}

/// What agents see of a contact.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Contact {
    #[serde(flatten)]
    person: Person,
    source: Source,
    tags: Vec<String>,
    verified: Verified,
    blocked: bool,
    #[schema(required, value_type = Option<Time>)]
    first_seen_at: Option<Timestamp>,
    #[schema(required, value_type = Option<Time>)]
    last_seen_at: Option<Timestamp>,
    #[schema(minimum = 0)]
    sessions: i64,
    #[schema(required)]
    page: Option<Page>,
    #[schema(required)]
    platform: Option<String>,
    /// Name and main version.
    #[schema(required)]
    browser: Option<String>,
    /// Operating system.
    #[schema(required)]
    system: Option<String>,
    #[schema(required)]
    locale: Option<String>,
    #[schema(required)]
    time_zone: Option<String>,
    /// Empty in lists, like the events.
    devices: Vec<Device>,
    /// The last 20 that pages sent, newest first.
    events: Vec<Event>,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
}

/// The page that the contact has open.
#[derive(Debug, Serialize, ToSchema)]
struct Page {
    url: String,
    title: String,
    referrer: String,
}

/// A browser profile or an app that the contact uses.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Device {
    #[schema(format = Uuid)]
    id: String,
    platform: String,
    #[schema(required, value_type = Option<Time>)]
    last_seen_at: Option<Timestamp>,
}

/// An event of the contact that a page sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContactEvent)]
#[serde(rename_all = "camelCase")]
struct Event {
    name: String,
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
}

impl From<identity::ContactEvent> for Event {
    fn from(event: identity::ContactEvent) -> Self {
        Self {
            name: event.name,
            data: value::object(event.data),
            created_at: time(event.created_at),
        }
    }
}

impl From<identity::Contact> for Contact {
    fn from(contact: identity::Contact) -> Self {
        let platform = contact.platform();
        let page = |page: identity::WebPage| Page {
            url: page.url,
            title: page.title,
            referrer: page.referrer,
        };
        Self {
            source: contact.source().into(),
            verified: contact.verification().into(),
            person: contact.person.unwrap_or_default().into(),
            tags: contact.tags,
            blocked: contact.blocked,
            first_seen_at: time(contact.first_seen_at),
            last_seen_at: time(contact.last_seen_at),
            sessions: contact.session_count,
            page: contact.page.filter(|page| !page.url.is_empty()).map(page),
            platform: some(platform_name(platform)),
            browser: some(contact.browser),
            system: some(contact.system),
            events: contact.events.into_iter().map(Event::from).collect(),
            locale: some(contact.locale),
            time_zone: some(contact.time_zone),
            devices: contact.devices.into_iter().map(Device::from).collect(),
            created_at: time(contact.created_at),
        }
    }
}

impl From<identity::Device> for Device {
    fn from(device: identity::Device) -> Self {
        let platform = platform_name(device.platform());
        Self { id: device.id, platform, last_seen_at: time(device.last_seen_at) }
    }
}

/// The platform of a page, for identity.
pub(crate) fn platform_to_wire(name: &str) -> i32 {
    match name {
        "" => Platform::Unspecified.into(),
        "web" => Platform::Web.into(),
        "ios" => Platform::Ios.into(),
        "android" => Platform::Android.into(),
        _ => UNKNOWN_VALUE,
    }
}

/// Empty if there is none.
fn platform_name(platform: Platform) -> String {
    let name = match platform {
        Platform::Unspecified => "",
        Platform::Web => "web",
        Platform::Ios => "ios",
        Platform::Android => "android",
    };
    name.to_owned()
}

/// How the contact was created.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Source {
    Identified,
    PreChat,
    Import,
    Agent,
    Api,
    Visitor,
}

impl From<identity::ContactSource> for Source {
    fn from(source: identity::ContactSource) -> Self {
        match source {
            identity::ContactSource::Identified => Self::Identified,
            identity::ContactSource::PreChat => Self::PreChat,
            identity::ContactSource::Import => Self::Import,
            identity::ContactSource::Agent => Self::Agent,
            identity::ContactSource::Api => Self::Api,
            identity::ContactSource::Visitor | identity::ContactSource::Unspecified => {
                Self::Visitor
            }
        }
    }
}

/// How the contact's identity was verified.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verified {
    None,
    SecurityHash,
    Hmac,
    Jwt,
}

impl From<ContactVerification> for Verified {
    fn from(verification: ContactVerification) -> Self {
        match verification {
            ContactVerification::None | ContactVerification::Unspecified => Self::None,
            ContactVerification::SecurityHash => Self::SecurityHash,
            ContactVerification::Hmac => Self::Hmac,
            ContactVerification::Jwt => Self::Jwt,
        }
    }
}

/// A contact as webhooks receive it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "identity writes the JSON; this describes it")]
pub(super) struct ContactOfEvent {
    #[serde(flatten)]
    person: Person,
    source: Source,
    tags: Vec<String>,
    blocked: bool,
    #[schema(required, value_type = Option<Time>)]
    first_seen_at: Option<String>,
    #[schema(required, value_type = Option<Time>)]
    last_seen_at: Option<String>,
    #[schema(minimum = 0)]
    sessions: i64,
    #[schema(required)]
    page: Option<Page>,
    #[schema(required)]
    locale: Option<String>,
    #[schema(required)]
    time_zone: Option<String>,
    #[schema(value_type = Time)]
    created_at: String,
    /// Only in `contact.joined`: the id of the contact that was merged into this one and no longer
    /// exists.
    #[schema(format = Uuid)]
    ended_id: Option<String>,
}
