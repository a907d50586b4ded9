//! Webhooks: how owners see them, and what is sent to them.

use onethread_core::Timestamp;
use onethread_proto::identity::{self as wire, WebhookDeliveryState};
use serde::Serialize;
use utoipa::ToSchema;

use super::{some, time};
use crate::openapi::Time;

/// Where an organization is told of what happens.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    #[schema(format = Uuid)]
    id: String,
    url: String,
    events: Vec<String>,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
}

impl From<wire::Webhook> for Webhook {
    fn from(webhook: wire::Webhook) -> Self {
        let wire::Webhook { id, url, events, created_at } = webhook;
        Self { id, url, events, created_at: time(created_at) }
    }
}

/// A new webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeWebhook {
    #[serde(flatten)]
    pub(crate) webhook: Webhook,
    /// Its UTF-8 bytes key the signatures. Shown this once.
    pub(crate) secret: String,
}

/// An event for a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookDelivery {
    /// Of the event, the same at every try.
    #[schema(format = Uuid)]
    id: String,
    event: String,
    state: State,
    /// Tries so far.
    #[schema(minimum = 0)]
    attempts: i64,
    /// HTTP status of the last answer.
    #[schema(required)]
    status: Option<i32>,
    /// What went wrong at the last try: `status`, `address`, `name`, `connect`, `tls`, `timeout`,
    /// `protocol` or `secret`, or `backlog` where it was given up because too many waited.
    #[schema(required)]
    error: Option<String>,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
    /// When it was last tried.
    #[schema(required, value_type = Option<Time>)]
    at: Option<Timestamp>,
    /// When it is tried next.
    #[schema(required, value_type = Option<Time>)]
    next_at: Option<Timestamp>,
}

/// How far a delivery is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    Pending,
    Delivered,
    Failed,
}

impl From<wire::WebhookDelivery> for WebhookDelivery {
    fn from(delivery: wire::WebhookDelivery) -> Self {
        let state = match delivery.state() {
            WebhookDeliveryState::Delivered => State::Delivered,
            WebhookDeliveryState::Failed => State::Failed,
            _ => State::Pending,
        };
        Self {
            id: delivery.id,
            event: delivery.event,
            state,
            attempts: delivery.attempts,
            status: delivery.status,
            error: some(delivery.error),
            created_at: time(delivery.created_at),
            at: time(delivery.tried_at),
            next_at: time(delivery.next_at),
        }
    }
}

/// What a webhook may be told of.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document alone is made from this")]
enum Event {
    #[schema(rename = "contact.created")]
    Created,
    #[schema(rename = "contact.updated")]
    Updated,
    #[schema(rename = "contact.joined")]
    Joined,
    #[schema(rename = "message.created")]
    MessageCreated,
    #[schema(rename = "conversation.closed")]
    ConversationClosed,
}

/// A webhook to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document alone is made from this")]
pub(crate) struct NewWebhook {
    /// http or https, without user name and password.
    #[schema(max_length = 2048)]
    url: String,
    #[schema(min_items = 1)]
    events: Vec<Event>,
}

/// A webhook's new address or events; what is absent stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document alone is made from this")]
pub(crate) struct WebhookPatch {
    #[schema(max_length = 2048)]
    url: Option<String>,
    #[schema(min_items = 1)]
    events: Option<Vec<Event>>,
}

/// What a webhook is sent when something happens to a contact.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the document alone is made from this")]
pub(crate) struct ContactNotice {
    /// The same at every try: a delivery may come twice.
    #[schema(format = Uuid)]
    id: String,
    event: Event,
    #[schema(value_type = Time)]
    created_at: String,
    data: super::contact::ContactOfEvent,
}

/// What a webhook is sent when a text is stored, the contact's or an agent's.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the document alone is made from this")]
pub(crate) struct MessageNotice {
    /// The message's own; the same at every try: a delivery may come twice.
    #[schema(format = Uuid)]
    id: String,
    event: Event,
    #[schema(value_type = Time)]
    created_at: String,
    data: super::MessageOfConversation,
}

/// What a webhook is sent when a conversation is closed.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "the document alone is made from this")]
pub(crate) struct ConversationNotice {
    /// The same at every try: a delivery may come twice.
    #[schema(format = Uuid)]
    id: String,
    event: Event,
    #[schema(value_type = Time)]
    created_at: String,
    data: super::conversation::ClosedConversation,
}
