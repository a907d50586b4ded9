//! Bodies of deliveries: the JSON of one event, in the words of the JSON API. Proofs and claims are
//! never in them.

use onethread_core::{ContactId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    conversation_event::{ConversationEvent, ConversationEventKind},
    event::Event,
};
use crate::contact::domain::contact::{Contact, Page};

/// Author of a message that was sent by an API key, or by an agent who was removed.
const TEAM_NAME: &str = "Team";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a, T> {
    id: Uuid,
    event: &'static str,
    created_at: Timestamp,
    data: &'a T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContactData<'a> {
    id: Uuid,
    user_id: Option<&'a str>,
    name: String,
    name_generated: bool,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    company: Option<&'a str>,
    custom_data: &'a Map<String, Value>,
    source: &'static str,
    tags: &'a [String],
    blocked: bool,
    first_seen_at: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
    sessions: i64,
    page: Option<&'a Page>,
    locale: Option<&'a str>,
    time_zone: Option<&'a str>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_id: Option<Uuid>,
}

/// The body of a contact's event. `merged`: the contact that was merged into this one.
pub(crate) fn contact_body(
    id: Uuid,
    event: Event,
    contact: &Contact,
    merged: Option<ContactId>,
    now: Timestamp,
) -> String {
    let some = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let (name, name_generated) = contact.shown_name();
    let (locale, time_zone) = (some(&contact.locale), some(&contact.time_zone));
    let data = ContactData {
        id: contact.id.0,
        user_id: contact.user_id.as_deref(),
        name,
        name_generated,
        email: contact.email.as_deref(),
        phone: contact.phone.as_deref(),
        company: contact.company.as_deref(),
        custom_data: &contact.custom,
        source: contact.source.name(),
        tags: &contact.tags,
        blocked: contact.blocked,
        first_seen_at: contact.first_seen_at,
        last_seen_at: contact.last_seen_at,
        sessions: contact.sessions,
        page: contact.page.as_ref().filter(|page| !page.url.is_empty()),
        locale: locale.as_deref(),
        time_zone: time_zone.as_deref(),
        created_at: contact.created_at,
        ended_id: merged.map(|id| id.0),
    };
    body(id, event, now, &data)
}

#[derive(Serialize)]
struct Author<'a> {
    kind: &'static str,
    id: Uuid,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageData<'a> {
    id: Uuid,
    conversation_id: Uuid,
    seq: i64,
    prev_seq: i64,
    author: Author<'a>,
    text: &'a str,
    created_at: Timestamp,
    client_message_id: Uuid,
    kind: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContactLine<'a> {
    id: Uuid,
    name: &'a str,
    email: Option<&'a str>,
    user_id: Option<&'a str>,
    verified: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConversationData<'a> {
    id: Uuid,
    status: &'static str,
    assignee_id: Option<Uuid>,
    contact: ContactLine<'a>,
    last_seq: i64,
    updated_at: Timestamp,
    closed_by: Author<'a>,
}

/// The body of a conversation's event. `agent`: the name of the agent who caused it.
pub(crate) fn conversation_body(
    conversation_event: &ConversationEvent,
    contact: &Contact,
    agent: Option<&str>,
) -> String {
    let (name, _) = contact.shown_name();
    let team = |id| Author { kind: "agent", id, name: agent.unwrap_or(TEAM_NAME) };
    let event = conversation_event.event();
    match &conversation_event.kind {
        ConversationEventKind::Message { seq, prev_seq, agent, client_message_id, text } => {
            let own = || Author { kind: "contact", id: contact.id.0, name: &name };
            let data = MessageData {
                id: conversation_event.id,
                conversation_id: contact.id.0,
                seq: *seq,
                prev_seq: *prev_seq,
                author: agent.map_or_else(own, team),
                text,
                created_at: conversation_event.at,
                client_message_id: *client_message_id,
                kind: "text",
            };
            body(conversation_event.id, event, conversation_event.at, &data)
        }
        ConversationEventKind::Closed { last_seq, assignee, by } => {
            let line = ContactLine {
                id: contact.id.0,
                name: &name,
                email: contact.email.as_deref(),
                user_id: contact.user_id.as_deref(),
                verified: contact.verified.name(),
            };
            let data = ConversationData {
                id: contact.id.0,
                status: "closed",
                assignee_id: assignee.map(|agent| agent.0),
                contact: line,
                last_seq: *last_seq,
                updated_at: conversation_event.at,
                closed_by: team(*by),
            };
            body(conversation_event.id, event, conversation_event.at, &data)
        }
    }
}

fn body<T: Serialize>(id: Uuid, event: Event, created_at: Timestamp, data: &T) -> String {
    let body = Body { id, event: event.name(), created_at, data };
    serde_json::to_string(&body).expect("texts and numbers are JSON")
}
