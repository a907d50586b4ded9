//! Sessions on the wire: messages ⇄ domain.

use std::{collections::HashMap, net::IpAddr};

use onethread_errors::{Error, Result};
use onethread_grpc::timestamp;
use onethread_proto::identity as wire;
use serde_json::Value;

use crate::{
    contact::{
        domain::contact::Contact,
        grpc::convert::{context, person, user_claims},
    },
    grpc::json::to_struct,
    organization::domain::application::PreChatField,
    session::{
        app::identify::{ApplicationRef, IdentifyCommand},
        domain::session::{Caller, Session},
    },
};

/// The address of a client, if it is known.
pub(crate) fn address(text: &str) -> Result<Option<IpAddr>> {
    let wrong = |_| Error::invalid("client_address", "is not an IP address");
    (!text.is_empty()).then(|| text.parse().map_err(wrong)).transpose()
}

impl TryFrom<wire::IdentifyRequest> for IdentifyCommand {
    type Error = Error;

    fn try_from(request: wire::IdentifyRequest) -> Result<Self> {
        use wire::identify_request::Application;
        let application = request.application.map(|application| match application {
            Application::NumberAndSecret(wire::ApplicationNumberAndSecret { number, secret }) => {
                ApplicationRef::Numbered { number, secret }
            }
            Application::ApplicationId(id) => ApplicationRef::AppId(id),
        });
        Ok(Self {
            organization: request.organization_name,
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
        let mode = if session.identified {
            wire::SessionMode::Contact
        } else {
            wire::SessionMode::Visitor
        };
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

/// What is known of the contact, by the fields of the form.
fn prefill(contact: &Contact, fields: &[PreChatField]) -> HashMap<String, String> {
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
    // These four are returned even where the form does not have them.
    let names = fields.iter().map(|field| field.name.as_str());
    let names = names.chain(["name", "email", "phone", "company"]);
    names.filter_map(|name| Some((name.to_owned(), known(name)?))).collect()
}

impl From<Caller> for wire::AuthenticateResponse {
    fn from(caller: Caller) -> Self {
        use wire::authenticate_response::Caller as Wire;
        let (organization, caller) = match caller {
            Caller::Visitor { contact, stored, device_id, form_required } => {
                let visitor = wire::VisitorCaller {
                    contact_id: contact.id.to_string(),
                    name: contact.shown_name().0,
                    stored,
                    pre_chat_required: form_required,
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
        Self { organization_id: organization.to_string(), caller: Some(caller) }
    }
}
