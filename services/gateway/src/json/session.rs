//! A widget's session.

use std::collections::BTreeMap;

use onethread_core::Timestamp;
use onethread_proto::identity::{self, Mode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Message, Person, Warning, time, value};

/// All that a widget needs to begin.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    session: Token,
    mode: &'static str,
    contact: Person,
    pre_chat: PreChat,
    conversation: Thread,
    settings: Map<String, Value>,
    warnings: Vec<Warning>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    token: String,
    expires_at: Option<Timestamp>,
    device_token: String,
}

#[derive(Debug, Serialize)]
struct PreChat {
    show: bool,
    fields: Vec<PreChatField>,
    prefill: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct PreChatField {
    name: String,
    label: String,
    r#type: String,
    required: bool,
}

/// The person's thread, as far as it is shown at once.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Thread {
    /// `None` while there is nobody whose thread it could be.
    pub(crate) id: Option<String>,
    pub(crate) last_seq: i64,
    pub(crate) unread: i64,
    pub(crate) messages: Vec<Message>,
}

impl Session {
    /// A session with its thread.
    pub(crate) fn new(session: identity::Session, conversation: Thread) -> Self {
        let mode = if session.mode() == Mode::Contact { "contact" } else { "visitor" };
        let pre_chat = session.pre_chat.unwrap_or_default();
        let field = |field: identity::PreChatField| PreChatField {
            name: field.name,
            label: field.label,
            r#type: field.r#type,
            required: field.required,
        };
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
                fields: pre_chat.fields.into_iter().map(field).collect(),
                prefill: pre_chat.prefill.into_iter().collect(),
            },
            conversation,
            settings: value::object(session.settings),
            warnings: session.warnings.into_iter().map(Warning::from).collect(),
        }
    }
}
