//! A widget's session.

use std::collections::BTreeMap;

use onethread_core::Timestamp;
use onethread_proto::identity::{self, PreChatFieldType};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Message, Person, UNKNOWN_VALUE, Warning, time, value};
use crate::openapi::Time;

/// Everything that a widget needs to start.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    session: Token,
    mode: Mode,
    contact: Person,
    pre_chat: PreChat,
    conversation: Thread,
    #[schema(value_type = SessionSettings)]
    settings: Map<String, Value>,
    warnings: Vec<Warning>,
}

/// Settings of the application, for the widget.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "identity writes the settings; this describes them")]
struct SessionSettings {
    #[schema(nullable = false)]
    application_name: Option<String>,
    #[schema(value_type = Option<Object>, nullable = false)]
    look: Option<Map<String, Value>>,
}

/// What the widget continues with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SessionToken)]
struct Token {
    token: String,
    #[schema(required, value_type = Time)]
    expires_at: Option<Timestamp>,
    /// Names the device. The page keeps it; it doesn't identify anybody.
    device_token: String,
}

/// Whether the user was identified.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Visitor,
    Contact,
}

/// The form before the first message.
#[derive(Debug, Serialize, ToSchema)]
struct PreChat {
    show: bool,
    fields: Vec<PreChatField>,
    prefill: BTreeMap<String, String>,
}

/// One field of the form.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreChatField {
    name: String,
    label: String,
    r#type: String,
    required: bool,
}

impl From<identity::PreChatField> for PreChatField {
    fn from(field: identity::PreChatField) -> Self {
        let r#type = match field.r#type() {
            PreChatFieldType::Text | PreChatFieldType::Unspecified => "text",
            PreChatFieldType::Email => "email",
            PreChatFieldType::Tel => "tel",
        };
        let (name, label, required) = (field.name, field.label, field.required);
        Self { name, label, r#type: r#type.to_owned(), required }
    }
}

/// The type of a field, for identity; empty for the usual one.
pub(crate) fn field_type_to_wire(name: &str) -> i32 {
    match name {
        "" => PreChatFieldType::Unspecified.into(),
        "text" => PreChatFieldType::Text.into(),
        "email" => PreChatFieldType::Email.into(),
        "tel" => PreChatFieldType::Tel.into(),
        _ => UNKNOWN_VALUE,
    }
}

/// The conversation, with its newest messages.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Thread {
    /// Null for a visitor who isn't stored yet.
    #[schema(required, format = Uuid)]
    pub(crate) id: Option<String>,
    #[schema(minimum = 0)]
    pub(crate) last_seq: i64,
    #[schema(minimum = 0)]
    pub(crate) unread: i64,
    pub(crate) messages: Vec<Message>,
}

impl Session {
    /// The session with more warnings, as far as there is none yet of the same members.
    pub(crate) fn with_warnings(mut self, more: Vec<Warning>) -> Self {
        Warning::append(&mut self.warnings, more);
        self
    }

    /// A session with its thread.
    pub(crate) fn new(session: identity::Session, conversation: Thread) -> Self {
        let mode = match session.mode() {
            identity::SessionMode::Contact => Mode::Contact,
            identity::SessionMode::Visitor | identity::SessionMode::Unspecified => Mode::Visitor,
        };
        let pre_chat = session.pre_chat.unwrap_or_default();
        Self {
            session: Token {
                token: session.token,
                expires_at: time(session.expires_at),
                device_token: session.device_token,
            },
            mode,
            contact: session.person.unwrap_or_default().into(),
            pre_chat: PreChat {
                show: pre_chat.show,
                fields: pre_chat.fields.into_iter().map(PreChatField::from).collect(),
                prefill: pre_chat.prefill.into_iter().collect(),
            },
            conversation,
            settings: value::object(session.settings),
            warnings: session.warnings.into_iter().map(Warning::from).collect(),
        }
    }
}
