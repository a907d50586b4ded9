//! Wire messages ⇄ meaning. Messages are validated here, once.

use std::net::IpAddr;

use onethread_errors::{Error, Result};
use onethread_grpc::timestamp;
use onethread_proto::identity as wire;
use serde_json::Value;
use woothee::{parser::Parser, woothee::VALUE_UNKNOWN};

use super::json::{from_wire, to_struct};
use crate::{
    app::{ApplicationRef, ContactChanges, IdentifyCommand},
    domain::{
        application::PreChatField,
        contact::{Contact, Context, Page, Source},
        events::Event,
        import::{ImportRow, RowOutcome, RowResult},
        people::{Agent, Role},
        policy::Verified,
        profile::Warning,
        said::UserClaims,
        session::{Caller, Device, Session},
    },
};

/// The address of a client, where it is known.
pub(super) fn address(text: &str) -> Result<Option<IpAddr>> {
    let wrong = |_| Error::invalid("/clientAddress", "is not an IP address");
    (!text.is_empty()).then(|| text.parse().map_err(wrong)).transpose()
}

pub(super) fn user_claims(user: Option<wire::UserClaims>) -> UserClaims {
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

pub(super) fn changes(changes: Option<wire::ContactChanges>) -> ContactChanges {
    let changes = changes.unwrap_or_default();
    ContactChanges {
        user: user_claims(changes.user),
        tags: changes.tags.map(from_wire),
        blocked: changes.blocked.map(from_wire),
    }
}

pub(super) fn context(context: Option<wire::PageContext>) -> Result<Context> {
    let context = context.unwrap_or_default();
    let platform = match context.platform.as_str() {
        "" => "web",
        known @ ("web" | "ios" | "android") => known,
        _ => return Err(Error::invalid("/platform", "is not web, ios or android")),
    };
    let page = context.page.map(|page| Page {
        url: cut(page.url, 2048),
        title: cut(page.title, 255),
        referrer: cut(page.referrer, 2048),
    });
    let (browser, system) = user_agent(&cut(context.user_agent, 1024));
    Ok(Context {
        browser,
        system,
        page,
        platform: platform.to_owned(),
        locale: cut(context.locale, 35),
        time_zone: cut(context.time_zone, 64),
    })
}

/// Browser and system, as far as they can be told.
fn user_agent(text: &str) -> (String, String) {
    let Some(told) = Parser::new().parse(text) else { return Default::default() };
    let known =
        |name: &str| if name == VALUE_UNKNOWN { String::new() } else { cut(name.into(), 64) };
    let version = told.version.split('.').next().unwrap_or_default();
    let mut browser = known(told.name);
    if !browser.is_empty() && version != VALUE_UNKNOWN && !version.is_empty() {
        browser = cut(format!("{browser} {version}"), 64);
    }
    (browser, known(told.os))
}

/// What only describes is cut rather than refused, at a character's border, without NUL.
fn cut(text: String, bytes: usize) -> String {
    let text = if text.contains('\0') { text.replace('\0', "") } else { text };
    let end = text.floor_char_boundary(bytes);
    text[..end].to_owned()
}

impl TryFrom<wire::IdentifyRequest> for IdentifyCommand {
    type Error = Error;

    fn try_from(request: wire::IdentifyRequest) -> Result<Self> {
        use wire::identify_request::Application;
        let application = request.application.map(|application| match application {
            Application::Secret(secret) => ApplicationRef::Numbered {
                number: secret.application_id,
                secret: secret.application_secret,
            },
            Application::AppId(id) => ApplicationRef::AppId(id),
        });
        Ok(Self {
            organization: request.organization,
            application,
            user: user_claims(request.user),
            device_token: request.device_token,
            context: context(request.context)?,
            origin: request.origin,
            address: address(&request.client_address)?,
        })
    }
}

impl From<Session> for wire::Session {
    fn from(session: Session) -> Self {
        let mode = if session.identified { wire::Mode::Contact } else { wire::Mode::Visitor };
        let prefill = if session.show_form {
            prefill(&session.contact, &session.form.fields)
        } else {
            [].into()
        };
        Self {
            token: session.token,
            expires_at: Some(timestamp(session.expires_at)),
            device_token: session.device_token,
            mode: mode.into(),
            organization_id: session.contact.organization_id.to_string(),
            person: Some(person(&session.contact)),
            stored: session.stored,
            pre_chat: Some(wire::PreChat {
                show: session.show_form,
                fields: session.form.fields.into_iter().map(Into::into).collect(),
                prefill,
            }),
            settings: Some(to_struct(&session.settings)),
            warnings: session.warnings.into_iter().map(Into::into).collect(),
        }
    }
}

/// What is known of the person already, by the form's fields.
fn prefill(
    contact: &Contact,
    fields: &[PreChatField],
) -> std::collections::HashMap<String, String> {
    let known = |name: &str| match name {
        "name" => contact.name.clone(),
        "email" => contact.email.clone(),
        "phone" => contact.phone.clone(),
        "company" => contact.company.clone(),
        key => contact
            .custom
            .get(key.strip_prefix("custom.").unwrap_or(key))
            .and_then(Value::as_str)
            .map(str::to_owned),
    };
    // The usual four are given back even where the form does not ask for them.
    let names = fields.iter().map(|field| field.name.as_str());
    let names = names.chain(["name", "email", "phone", "company"]);
    names.filter_map(|name| Some((name.to_owned(), known(name)?))).collect()
}

impl From<PreChatField> for wire::PreChatField {
    fn from(field: PreChatField) -> Self {
        Self { name: field.name, label: field.label, r#type: field.kind, required: field.required }
    }
}

impl From<Warning> for wire::Warning {
    fn from(warning: Warning) -> Self {
        Self { pointer: warning.pointer, detail: warning.detail }
    }
}

/// What a person may see of themself.
pub(super) fn person(contact: &Contact) -> wire::Person {
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

/// A contact without what only its own page shows: devices and events.
pub(super) fn alone(found: Contact) -> wire::Contact {
    contact(found, Vec::new(), Vec::new())
}

/// What agents see.
pub(super) fn contact(contact: Contact, devices: Vec<Device>, events: Vec<Event>) -> wire::Contact {
    let verification = match (contact.verified, &contact.claim) {
        (Verified::Jwt, _) => wire::Verification::Jwt,
        (Verified::Hmac, _) => wire::Verification::Hmac,
        (Verified::SecurityHash, _) | (_, Some(_)) => wire::Verification::SecurityHash,
        (Verified::None, None) => wire::Verification::None,
    };
    wire::Contact {
        person: Some(person(&contact)),
        source: source(contact.source).into(),
        tags: contact.tags,
        verification: verification.into(),
        blocked: contact.blocked,
        first_seen_at: contact.first_seen_at.map(timestamp),
        last_seen_at: contact.last_seen_at.map(timestamp),
        sessions: contact.sessions,
        page: contact.page.map(|page| wire::Page {
            url: page.url,
            title: page.title,
            referrer: page.referrer,
        }),
        platform: contact.platform,
        browser: contact.browser,
        system: contact.system,
        events: events.into_iter().map(Into::into).collect(),
        locale: contact.locale,
        time_zone: contact.time_zone,
        devices: devices.into_iter().map(Into::into).collect(),
        created_at: Some(timestamp(contact.created_at)),
    }
}

impl From<Event> for wire::ContactEvent {
    fn from(event: Event) -> Self {
        Self {
            name: event.name,
            data: Some(to_struct(&event.data)),
            created_at: Some(timestamp(event.at)),
        }
    }
}

fn source(source: Source) -> wire::Source {
    match source {
        Source::Identified => wire::Source::Identified,
        Source::PreChat => wire::Source::PreChat,
        Source::Import => wire::Source::Import,
        Source::Agent => wire::Source::Agent,
        Source::Api => wire::Source::Api,
        Source::Visitor => wire::Source::Visitor,
    }
}

impl From<Device> for wire::Device {
    fn from(device: Device) -> Self {
        Self {
            id: device.id.to_string(),
            platform: device.platform,
            last_seen_at: Some(timestamp(device.last_seen_at)),
        }
    }
}

impl From<Agent> for wire::Agent {
    fn from(agent: Agent) -> Self {
        let role = match agent.role {
            Role::Owner => wire::AgentRole::Owner,
            Role::Agent => wire::AgentRole::Agent,
        };
        Self { id: agent.id.to_string(), email: agent.email, name: agent.name, role: role.into() }
    }
}

impl From<Caller> for wire::AuthenticateResponse {
    fn from(caller: Caller) -> Self {
        use wire::authenticate_response::Caller as Wire;
        let (of, caller) = match caller {
            Caller::Visitor { contact, stored, device_id, form_due } => {
                let visitor = wire::VisitorCaller {
                    contact_id: contact.id.to_string(),
                    name: contact.shown_name().0,
                    stored,
                    pre_chat_required: form_due,
                    device_id: device_id.to_string(),
                    blocked: contact.blocked,
                };
                (contact.organization_id, Wire::Visitor(visitor))
            }
            Caller::Contact { contact, device_id } => {
                let who = wire::ContactCaller {
                    contact_id: contact.id.to_string(),
                    name: contact.shown_name().0,
                    device_id: device_id.to_string(),
                    blocked: contact.blocked,
                };
                (contact.organization_id, Wire::Contact(who))
            }
            Caller::Agent(agent) => (agent.organization_id, Wire::Agent(agent.into())),
            Caller::Server(key) => {
                let server = wire::ServerCaller { api_key_id: key.id.to_string() };
                (key.organization_id, Wire::Server(server))
            }
        };
        Self { organization_id: of.to_string(), caller: Some(caller) }
    }
}

impl From<wire::ImportRow> for ImportRow {
    fn from(row: wire::ImportRow) -> Self {
        let mut custom: Vec<_> = row.custom_data.into_iter().collect();
        custom.sort_unstable();
        Self {
            line: row.line,
            user_id: row.user_id,
            email: row.email,
            name: row.name,
            phone: row.phone,
            company: row.company,
            security_hash: row.security_hash,
            tags: row.tags,
            custom,
        }
    }
}

impl From<RowResult> for wire::ImportRowResult {
    fn from(result: RowResult) -> Self {
        use wire::ImportOutcome as Wire;
        let (outcome, field, reason) = match result.outcome {
            RowOutcome::Created => (Wire::Created, String::new(), String::new()),
            RowOutcome::Updated => (Wire::Updated, String::new(), String::new()),
            RowOutcome::Unchanged => (Wire::Unchanged, String::new(), String::new()),
            RowOutcome::Rejected { field, reason } => (Wire::Rejected, field, reason),
        };
        Self { line: result.line, outcome: outcome.into(), field, reason }
    }
}
