//! Webhooks: as owners see them, and what is sent to them.

use onethread_core::Timestamp;
use onethread_proto::identity::{self as wire, WebhookDeliveryFailure, WebhookDeliveryState};
use serde::Serialize;
use utoipa::ToSchema;

use super::{UNKNOWN_VALUE, time};
use crate::openapi::Time;

/// An address to which events of an organization are sent.
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
        let events = webhook.events().map(|event| event_name(event).to_owned()).collect();
        let wire::Webhook { id, url, created_at, .. } = webhook;
        Self { id, url, events, created_at: time(created_at) }
    }
}

/// A new webhook with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedWebhook {
    #[serde(flatten)]
    pub(crate) webhook: Webhook,
    /// Its UTF-8 bytes key the signatures. Shown only this once.
    pub(crate) secret: String,
}

/// A delivery of an event to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WebhookDelivery {
    /// Of the event, the same in every attempt.
    #[schema(format = Uuid)]
    id: String,
    event: String,
    state: State,
    /// Attempts so far.
    #[schema(minimum = 0)]
    attempts: i64,
    /// HTTP status of the last answer.
    #[schema(required)]
    status: Option<i32>,
    /// What went wrong in the last attempt: `status`, `address` (the name isn't found, or its address is
    /// not allowed), `connect`, `tls`, `timeout`, `protocol` or `secret`, or `backlog` if it was given up because too many deliveries were waiting.
    #[schema(required)]
    error: Option<String>,
    #[schema(required, value_type = Time)]
    created_at: Option<Timestamp>,
    /// Time of the last attempt.
    #[schema(required, value_type = Option<Time>)]
    at: Option<Timestamp>,
    /// Time of the next attempt.
    #[schema(required, value_type = Option<Time>)]
    next_at: Option<Timestamp>,
}

/// State of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = WebhookDeliveryState)]
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
        let (event, error) = (event_name(delivery.event()), failure_name(delivery.failure()));
        Self {
            id: delivery.id,
            event: event.to_owned(),
            state,
            attempts: delivery.attempt_count,
            status: delivery.status,
            error: error.map(str::to_owned),
            created_at: time(delivery.created_at),
            at: time(delivery.tried_at),
            next_at: time(delivery.next_at),
        }
    }
}

/// One error for a name that isn't found and for a private address: otherwise the answers would tell
/// which names exist in the server's network.
fn failure_name(failure: WebhookDeliveryFailure) -> Option<&'static str> {
    match failure {
        WebhookDeliveryFailure::Unspecified => None,
        WebhookDeliveryFailure::Status => Some("status"),
        WebhookDeliveryFailure::Address | WebhookDeliveryFailure::Name => Some("address"),
        WebhookDeliveryFailure::Connect => Some("connect"),
        WebhookDeliveryFailure::Tls => Some("tls"),
        WebhookDeliveryFailure::Timeout => Some("timeout"),
        WebhookDeliveryFailure::Protocol => Some("protocol"),
        WebhookDeliveryFailure::Secret => Some("secret"),
        WebhookDeliveryFailure::Backlog => Some("backlog"),
    }
}

/// The event with this name, for identity.
pub(crate) fn event_to_wire(name: &str) -> i32 {
    let named = EVENTS.into_iter().find(|event| event_name(*event) == name);
    named.map_or(UNKNOWN_VALUE, Into::into)
}

const EVENTS: [wire::WebhookEvent; 5] = [
    wire::WebhookEvent::ContactCreated,
    wire::WebhookEvent::ContactUpdated,
    wire::WebhookEvent::ContactMerged,
    wire::WebhookEvent::MessageCreated,
    wire::WebhookEvent::ConversationClosed,
];

fn event_name(event: wire::WebhookEvent) -> &'static str {
    match event {
        wire::WebhookEvent::Unspecified => "",
        wire::WebhookEvent::ContactCreated => "contact.created",
        wire::WebhookEvent::ContactUpdated => "contact.updated",
        wire::WebhookEvent::ContactMerged => "contact.joined",
        wire::WebhookEvent::MessageCreated => "message.created",
        wire::WebhookEvent::ConversationClosed => "conversation.closed",
    }
}

/// An event that a webhook can receive.
#[derive(ToSchema)]
#[expect(dead_code, reason = "identity writes the JSON; this describes it")]
pub(crate) enum WebhookEvent {
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

/// What a webhook is sent when something happens to a contact.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "identity writes the JSON; this describes it")]
pub(crate) struct ContactNotice {
    /// The same in every attempt: a delivery may arrive twice.
    #[schema(format = Uuid)]
    id: String,
    event: WebhookEvent,
    #[schema(value_type = Time)]
    created_at: String,
    data: super::contact::ContactOfEvent,
}

/// What a webhook is sent when a contact's or agent's text is stored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "identity writes the JSON; this describes it")]
pub(crate) struct MessageNotice {
    /// The message's own, the same in every attempt: a delivery may arrive twice.
    #[schema(format = Uuid)]
    id: String,
    event: WebhookEvent,
    #[schema(value_type = Time)]
    created_at: String,
    data: super::MessageOfConversation,
}

/// What a webhook is sent when a conversation is closed.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "identity writes the JSON; this describes it")]
pub(crate) struct ConversationNotice {
    /// The same in every attempt: a delivery may arrive twice.
    #[schema(format = Uuid)]
    id: String,
    event: WebhookEvent,
    #[schema(value_type = Time)]
    created_at: String,
    data: super::conversation::ClosedConversation,
}
