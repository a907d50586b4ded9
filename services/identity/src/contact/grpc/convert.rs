//! Contacts on the wire: messages ⇄ domain.

use onethread_errors::{Error, Result};
use onethread_grpc::timestamp;
use onethread_proto::identity as wire;
use serde_json::Map;
use woothee::{parser::Parser, woothee::VALUE_UNKNOWN};

use crate::{
    contact::{
        app::edit::ContactChanges,
        domain::{
            contact::{Contact, Context, Page, Source},
            profile::Warning,
            tracked_event::TrackedEvent,
            user_details::UserClaims,
        },
    },
    grpc::json::{from_wire, to_struct},
    organization::domain::policy::Verified,
    session::domain::session::Device,
};

pub(crate) fn user_claims(user: Option<wire::UserClaims>) -> UserClaims {
    let user = user.unwrap_or_default();
    UserClaims {
        user_id: user.user_id.map(from_wire),
        email: user.email.map(from_wire),
        name: user.name.map(from_wire),
        phone: user.phone.map(from_wire),
        company: user.company.map(from_wire),
        security_hash: user.security_hash.map(from_wire),
        user_hash: user.user_hash.map(from_wire),
        user_jwt: user.user_jwt.map(from_wire),
        custom_data: user.custom_data.map(from_wire),
    }
}

pub(crate) fn changes(changes: Option<wire::ContactChanges>) -> ContactChanges {
    let changes = changes.unwrap_or_default();
    ContactChanges {
        user: user_claims(changes.user),
        tags: changes.tags.map(from_wire),
        blocked: changes.blocked.map(from_wire),
    }
}

pub(crate) fn context(context: Option<wire::PageContext>) -> Result<Context> {
    let context = context.unwrap_or_default();
    let platform = match wire::Platform::try_from(context.platform) {
        Ok(wire::Platform::Unspecified | wire::Platform::Web) => "web",
        Ok(wire::Platform::Ios) => "ios",
        Ok(wire::Platform::Android) => "android",
        Err(_) => return Err(Error::invalid("context.platform", "is not web, ios or android")),
    };
    let (browser, system) = user_agent(&cut(context.user_agent, 1024));
    Ok(Context {
        browser,
        system,
        page: context.page.map(page),
        platform: platform.to_owned(),
        locale: cut(context.locale, 35),
        time_zone: cut(context.time_zone, 64),
    })
}

pub(crate) fn page(page: wire::WebPage) -> Page {
    Page {
        url: cut(printable(page.url), 2048),
        title: cut(printable(page.title), 255),
        referrer: cut(printable(page.referrer), 2048),
    }
}

/// A text without control characters, which could hide parts of it from an agent or a terminal.
fn printable(mut text: String) -> String {
    text.retain(|c| !c.is_control());
    text
}

/// Browser and operating system, empty where they are unknown.
fn user_agent(text: &str) -> (String, String) {
    let Some(agent) = Parser::new().parse(text) else { return Default::default() };
    let known =
        |name: &str| if name == VALUE_UNKNOWN { String::new() } else { cut(name.into(), 64) };
    let version = agent.version.split('.').next().unwrap_or_default();
    let mut browser = known(agent.name);
    if !browser.is_empty() && version != VALUE_UNKNOWN && !version.is_empty() {
        browser = cut(format!("{browser} {version}"), 64);
    }
    (browser, known(agent.os))
}

/// Shortens a text that only describes, instead of rejecting it: at a character boundary, and without
/// NUL.
fn cut(text: String, bytes: usize) -> String {
    let text = if text.contains('\0') { text.replace('\0', "") } else { text };
    let end = text.floor_char_boundary(bytes);
    text[..end].to_owned()
}

impl From<Warning> for wire::FieldWarning {
    fn from(warning: Warning) -> Self {
        Self { field: warning.field, detail: warning.detail }
    }
}

/// What a contact's own pages may show.
pub(crate) fn person(contact: &Contact) -> wire::Person {
    let (name, name_generated) = contact.shown_name();
    wire::Person {
        id: contact.id.to_string(),
        user_id: contact.user_id.clone(),
        name,
        name_generated,
        email: contact.email.clone(),
        phone: contact.phone.clone(),
        company: contact.company.clone(),
        custom_data: Some(to_struct(&contact.custom)),
    }
}

/// A contact without devices and events, which only `GetContact` returns.
pub(crate) fn summary(found: Contact) -> wire::Contact {
    contact(found, Vec::new(), Vec::new())
}

/// What a list of conversations shows, which has a bound of bytes for each contact.
pub(crate) fn name(found: Contact) -> wire::Contact {
    let (custom, tags, page) = (Map::new(), Vec::new(), None);
    summary(Contact { custom, tags, page, ..found })
}

/// What agents and the API may see.
pub(crate) fn contact(
    contact: Contact,
    devices: Vec<Device>,
    events: Vec<TrackedEvent>,
) -> wire::Contact {
    let verification = match (contact.verified, &contact.claim) {
        (Verified::Jwt, _) => wire::ContactVerification::Jwt,
        (Verified::Hmac, _) => wire::ContactVerification::Hmac,
        (Verified::SecurityHash, _) | (_, Some(_)) => wire::ContactVerification::SecurityHash,
        (Verified::None, None) => wire::ContactVerification::None,
    };
    wire::Contact {
        id: contact.id.to_string(),
        person: Some(person(&contact)),
        source: source(contact.source).into(),
        tags: contact.tags,
        verification: verification.into(),
        blocked: contact.blocked,
        first_seen_at: contact.first_seen_at.map(timestamp),
        last_seen_at: contact.last_seen_at.map(timestamp),
        session_count: contact.sessions,
        page: contact.page.map(|page| wire::WebPage {
            url: page.url,
            title: page.title,
            referrer: page.referrer,
        }),
        platform: platform(&contact.platform).into(),
        browser: contact.browser,
        system: contact.system,
        events: events.into_iter().map(Into::into).collect(),
        locale: contact.locale,
        time_zone: contact.time_zone,
        devices: devices.into_iter().map(Into::into).collect(),
        created_at: Some(timestamp(contact.created_at)),
    }
}

impl From<TrackedEvent> for wire::ContactEvent {
    fn from(event: TrackedEvent) -> Self {
        Self {
            name: event.name,
            data: Some(to_struct(&event.data)),
            created_at: Some(timestamp(event.at)),
        }
    }
}

fn platform(name: &str) -> wire::Platform {
    match name {
        "web" => wire::Platform::Web,
        "ios" => wire::Platform::Ios,
        "android" => wire::Platform::Android,
        _ => wire::Platform::Unspecified,
    }
}

/// The symbol of a comparison; empty for an unknown one, which is no operator.
pub(crate) fn operator(operator: i32) -> &'static str {
    use wire::ContactFilterOperator as Operator;
    match Operator::try_from(operator) {
        Ok(Operator::Equal) => "=",
        Ok(Operator::NotEqual) => "!=",
        Ok(Operator::Contains) => "~",
        Ok(Operator::Less) => "<",
        Ok(Operator::Greater) => ">",
        Ok(Operator::Unspecified) | Err(_) => "",
    }
}

fn source(source: Source) -> wire::ContactSource {
    match source {
        Source::Identified => wire::ContactSource::Identified,
        Source::PreChat => wire::ContactSource::PreChat,
        Source::Import => wire::ContactSource::Import,
        Source::Agent => wire::ContactSource::Agent,
        Source::Api => wire::ContactSource::Api,
        Source::Visitor => wire::ContactSource::Visitor,
    }
}

impl From<Device> for wire::Device {
    fn from(device: Device) -> Self {
        Self {
            id: device.id.to_string(),
            platform: platform(&device.platform).into(),
            last_seen_at: Some(timestamp(device.last_seen_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_page_are_left_out() {
        let sent = wire::WebPage {
            url: "https://shop.example/\u{1b}]0;title\u{7}\r\nbasket".to_owned(),
            title: "Bas\u{9b}ket".to_owned(),
            referrer: "https://a.example/\n".to_owned(),
        };
        let page = page(sent);
        assert_eq!(page.url, "https://shop.example/]0;titlebasket");
        assert_eq!((&*page.title, &*page.referrer), ("Basket", "https://a.example/"));
    }
}
