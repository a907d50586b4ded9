//! The one writer of [`Effects`]: their deliveries become outbox rows for identity.

use std::sync::Arc;

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result};
use onethread_outbox::Entry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::interests;
use crate::domain::{AuthorKind, Delivery, Effects, Message};

/// Topic of the outbox row of a contact's first message. The payload is a [`FirstMessagePayload`].
pub(crate) const FIRST_MESSAGE: &str = "first-message";
/// Topic of the outbox row of a webhook event. The payload is an [`EventPayload`].
pub(crate) const EVENT: &str = "fact";

/// Organization, topic, payload.
const DELETE_BY_PAYLOAD: &str =
    "DELETE FROM outbox WHERE organization_id = $1 AND topic = $2 AND payload = $3";
/// Organization, topic, start of the payload.
const DELETE_BY_START: &str = "DELETE FROM outbox
    WHERE organization_id = $1 AND topic = $2 AND substr(payload, 1, length($3)) = $3";

/// A contact wrote for the first time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FirstMessagePayload {
    pub(crate) contact_id: Uuid,
}

/// A webhook event. The conversation comes first, because rows are found by it when it is erased.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventPayload {
    pub(crate) conversation_id: Uuid,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    #[serde(rename = "what")]
    pub(crate) event: EventDetails,
}

/// What happened.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum EventDetails {
    /// A text was stored.
    Message {
        seq: i64,
        prev_seq: i64,
        /// Absent when the contact wrote it.
        agent_id: Option<Uuid>,
        client_message_id: Uuid,
        text: String,
    },
    /// The conversation was closed.
    Closed { last_seq: i64, assignee_id: Option<Uuid>, closed_by: Uuid },
}

impl EventPayload {
    fn message_created(message: &Message) -> Self {
        let author = message.author;
        let event = EventDetails::Message {
            seq: message.seq,
            prev_seq: message.prev_public_seq,
            agent_id: (author.kind == AuthorKind::Agent).then_some(author.id),
            client_message_id: message.client_message_id.unwrap_or_default(),
            text: message.text.as_str().to_owned(),
        };
        let at = message.created_at.micros();
        Self { conversation_id: message.conversation.0, at, event }
    }

    /// The start of the payload of each event of a conversation.
    fn start(conversation: ConversationId) -> String {
        format!("{{\"conversationId\":\"{conversation}\"")
    }
}

/// Writes the deliveries that follow from a change, in the change's transaction. Those of webhook
/// events only where identity wants them.
pub(crate) async fn record(
    conn: &mut Connection,
    organization: OrganizationId,
    effects: &Effects,
    now: Timestamp,
) -> Result<()> {
    for delivery in &effects.deliveries {
        if let Some(event) = delivery.webhook_event()
            && !interests::is_wanted(conn, organization, event).await?
        {
            continue;
        }
        onethread_outbox::enqueue(conn, entry(organization, delivery), now).await?;
    }
    Ok(())
}

/// Writes the deliveries of a batch of sends with one statement, each with the trace of its send.
/// Whether they are wanted was looked up with the sends.
pub(crate) async fn record_batch(
    conn: &mut Connection,
    deliveries: &[(OrganizationId, Delivery, Arc<str>)],
    now: Timestamp,
) -> Result<()> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let entries = deliveries
        .iter()
        .map(|(organization, delivery, trace)| (entry(*organization, delivery), trace.clone()));
    onethread_outbox::enqueue_all(conn, &entries.collect::<Vec<_>>(), now).await
}

/// Deletes the deliveries of a conversation that is erased.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<()> {
    let first = json(&FirstMessagePayload { contact_id: id.0 });
    let delete = conn.query(DELETE_BY_PAYLOAD).bind(organization.0).bind(FIRST_MESSAGE);
    delete.bind(first).execute().await?;
    let delete = conn.query(DELETE_BY_START).bind(organization.0).bind(EVENT);
    delete.bind(EventPayload::start(id)).execute().await?;
    Ok(())
}

fn entry(organization_id: OrganizationId, delivery: &Delivery) -> Entry {
    let (id, topic, payload) = match delivery {
        Delivery::FirstMessage { id, contact } => {
            (*id, FIRST_MESSAGE, json(&FirstMessagePayload { contact_id: contact.0 }))
        }
        Delivery::MessageCreated(message) => {
            (message.id.0, EVENT, json(&EventPayload::message_created(message)))
        }
        Delivery::ConversationClosed {
            event_id,
            conversation,
            last_seq,
            assignee,
            closed_by,
            closed_at,
        } => {
            let event = EventDetails::Closed {
                last_seq: *last_seq,
                assignee_id: assignee.map(|agent| agent.0),
                closed_by: *closed_by,
            };
            let at = closed_at.micros();
            let payload = EventPayload { conversation_id: conversation.0, at, event };
            (event_id.0, EVENT, json(&payload))
        }
    };
    Entry { organization_id, id, topic: topic.to_owned(), payload }
}

fn json(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).expect("ids, numbers and texts are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_starts_with_its_conversation() {
        let id = ConversationId(Uuid::from_u128(7));
        let event = EventDetails::Closed { last_seq: 3, assignee_id: None, closed_by: id.0 };
        let payload = EventPayload { conversation_id: id.0, at: 1, event };
        let text = json(&payload);
        assert!(text.starts_with(&EventPayload::start(id)), "{text}");
        assert!(text.contains("\"what\":{\"closed\":{\"lastSeq\":3"), "{text}");
        assert_eq!(serde_json::from_str::<EventPayload>(&text).unwrap(), payload);
    }
}
