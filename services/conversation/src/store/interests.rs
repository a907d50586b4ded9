//! Of what identity is told, by organization, and the deliveries that tell of it: written in the
//! transaction of the fact, for those alone who want it.

use std::collections::BTreeSet;

use onethread_core::OrganizationId;
use onethread_db::{Conn, Result, on};
use onethread_outbox::Entry;
use serde::{Deserialize, Serialize};
use sqlx::{query, query_scalar};
use uuid::Uuid;

use super::Store;
use crate::domain::{AuthorKind, Fact, Kind, Message};

/// Topic of the outbox row of a [`Told`], which is its payload as JSON.
pub(crate) const FACT: &str = "fact";

const SET: &str = "INSERT INTO interests (organization_id, facts, version) VALUES ($1, $2, $3)
    ON CONFLICT (organization_id) DO UPDATE SET facts = excluded.facts, version = excluded.version
    WHERE interests.version < excluded.version";
/// Bit, a JSON array of organizations in hex.
const WANTING_SQLITE: &str = "SELECT organization_id FROM interests
    WHERE (facts & $1) <> 0 AND organization_id IN (SELECT unhex(value) FROM json_each($2))";
const WANTING_POSTGRES: &str = "SELECT organization_id FROM interests
    WHERE (facts & $1) <> 0
        AND organization_id IN (SELECT value::uuid FROM json_array_elements_text($2::json))";

/// What identity is told. The conversation stands first: what is erased is found by it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    pub(crate) conversation_id: Uuid,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) what: What,
}

/// The fact itself.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum What {
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

impl Told {
    /// The delivery that tells of a message; of one that is no text nothing is told.
    pub(super) fn of_message(of: OrganizationId, message: &Message) -> Option<Entry> {
        let client_message_id = message.client_message_id.filter(|_| message.kind == Kind::Text)?;
        let author = message.author;
        let what = What::Message {
            seq: message.seq,
            prev_seq: message.prev_public_seq,
            agent_id: (author.kind == AuthorKind::Agent).then_some(author.id),
            client_message_id,
            text: message.text.as_str().to_owned(),
        };
        let at = message.created_at.micros();
        let told = Self { conversation_id: message.conversation.0, at, what };
        Some(told.entry(of, message.id.0))
    }

    /// Its delivery; the id is the fact's own.
    pub(super) fn entry(&self, of: OrganizationId, id: Uuid) -> Entry {
        let payload = serde_json::to_string(self).expect("ids and texts are JSON");
        Entry { organization_id: of, id, topic: FACT.to_owned(), payload }
    }

    /// What the payload of every fact of a conversation begins with.
    pub(super) fn beginning(conversation: Uuid) -> String {
        format!("{{\"conversationId\":\"{conversation}\"")
    }
}

/// Those of the organizations that want a fact told.
pub(super) async fn wanting(
    conn: &mut Conn<'_>,
    organizations: impl IntoIterator<Item = OrganizationId>,
    fact: Fact,
) -> Result<BTreeSet<OrganizationId>> {
    let organizations: BTreeSet<_> = organizations.into_iter().collect();
    let ids: Vec<_> = organizations.iter().map(|of| of.0.simple().to_string()).collect();
    let ids = serde_json::to_string(&ids).expect("texts are JSON");
    let text = conn.pick(WANTING_SQLITE, WANTING_POSTGRES);
    let wanting: Vec<Uuid> =
        on!(conn, |c| query_scalar(text).bind(fact.bit()).bind(ids).fetch_all(&mut **c).await)?;
    Ok(wanting.into_iter().map(OrganizationId).collect())
}

impl Store {
    /// Remembers of what identity is to be told, unless something newer is known.
    pub(crate) async fn set_interest(
        &self,
        organization: OrganizationId,
        facts: &[Fact],
        version: i64,
    ) -> Result<()> {
        let bits = facts.iter().fold(0, |bits, fact| bits | fact.bit());
        self.db
            .write("interest.set", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(SET)
                        .bind(organization.0)
                        .bind(bits)
                        .bind(version)
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    Ok(())
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_begins_with_its_conversation() {
        let id = Uuid::from_u128(7);
        let what = What::Closed { last_seq: 3, assignee_id: None, closed_by: Uuid::nil() };
        let told = Told { conversation_id: id, at: 1, what };
        let entry = told.entry(OrganizationId(Uuid::nil()), id);
        assert!(entry.payload.starts_with(&Told::beginning(id)), "{}", entry.payload);
        assert_eq!(serde_json::from_str::<Told>(&entry.payload).unwrap(), told);
    }
}
