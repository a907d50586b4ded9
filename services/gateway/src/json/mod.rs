//! The JSON of answers, and how messages of the services become it. Bodies of requests are beside
//! their handlers.

mod agent;
mod application;
mod audit;
mod blocked_address;
mod contact;
mod conversation;
mod import;
mod message;
mod session;
mod value;
mod webhook;

use onethread_core::Timestamp;
use onethread_grpc::to_timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use agent::{Agent, ApiKey, InvitedAgent, ListedAgent, NewApiKey, Role};
pub(crate) use application::{Application, ApplicationNumber};
pub(crate) use audit::AuditEntry;
pub(crate) use blocked_address::BlockedAddress;
pub(crate) use contact::{Contact, Person, Warning, platform_to_wire};
pub(crate) use conversation::{ContactLine, Conversation, Read, Typing, contact_of};
pub(crate) use import::Import;
pub(crate) use message::{Message, MessageOfConversation};
pub(crate) use session::{Session, Thread, field_type_to_wire};
pub(crate) use value::{attributes_to_wire, members, object, to_wire, value_to_wire};
pub(crate) use webhook::{
    ContactNotice, ConversationNotice, CreatedWebhook, MessageNotice, Webhook, WebhookDelivery,
    WebhookEvent, event_to_wire,
};

/// A number that no enum of the services has. For a value that a client sends and that is none of
/// the enum's, the service then names the field as invalid, together with all others.
pub(crate) const UNKNOWN_VALUE: i32 = -1;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    /// The cursor of the next page; null for the last page.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

impl<T> List<T> {
    pub(crate) fn new(items: Vec<T>, next_page_token: String) -> Self {
        Self { items, next_cursor: some(next_page_token) }
    }
}

/// `None` for an empty text.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn time(at: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    at.as_ref().map(to_timestamp)
}
