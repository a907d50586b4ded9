//! The shapes of the JSON API and how the services' messages become them. Whatever is said here
//! is read by clients; nothing else is decided here.

mod agent;
mod application;
mod audit;
mod blocked_address;
mod changes;
mod claims;
mod contact;
mod conversation;
mod import;
mod message;
mod requests;
mod session;
mod value;
mod webhook;

use onethread_core::Timestamp;
use onethread_grpc::to_timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use agent::{Agent, ApiKey, InvitedAgent, ListedAgent, NewApiKey, role};
pub(crate) use application::{Application, application};
pub(crate) use audit::AuditEntry;
pub(crate) use blocked_address::BlockedAddress;
pub(crate) use changes::{changes, search};
pub(crate) use claims::{claims, fields, init, page_context};
pub(crate) use contact::{Contact, Person, Warning};
pub(crate) use conversation::{ContactLine, Conversation, Read, Typing};
pub(crate) use import::Import;
pub(crate) use message::{Message, MessageOfConversation};
pub(crate) use requests::{
    AcceptedInvitation, AgentUpdate, ApiKeyName, ApplicationChange, ClaimReset, ContactFields,
    ContactPatch, ContactSearch, Credentials, FileForm, Form, Mapping, Merge, NewAgent,
    NewAgentMessage, NewApplication, NewBlockedAddress, NewClaim, NewEvent, NewMessage,
    NewOrganization, OrganizationChange, PasswordChange, Profile, ReadMark, Start, Types, Update,
};
pub(crate) use session::{Session, Thread};
pub(crate) use value::{members, object};
pub(crate) use webhook::{
    ContactNotice, ConversationNotice, MadeWebhook, MessageNotice, NewWebhook, Webhook,
    WebhookDelivery, WebhookPatch,
};

/// A list, a page at a time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List<T> {
    pub(crate) items: Vec<T>,
    /// Where the list goes on; null at its end.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

impl<T> List<T> {
    pub(crate) fn new(items: Vec<T>, next_page_token: String) -> Self {
        Self { items, next_cursor: some(next_page_token) }
    }
}

/// An empty text is none.
fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn time(at: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    at.as_ref().map(to_timestamp)
}
