//! The one writer of [`Effects`]: audit log, revocations, webhook events and outbox rows.

use onethread_core::{ContactId, Entropy, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Connection, Json, Result, Sql, Time};
use onethread_outbox::Entry;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entries::entries;
use crate::{
    domain::effects::{AuditRecord, Delivery, Effects, MERGE_DELAY, merge_due},
    session::store::revocations,
    webhook::{
        domain::event::Event,
        store::{
            events::{INSERT_POSTGRES, INSERT_SQLITE},
            interests::is_wanted,
        },
    },
};

/// Topic of the outbox row of an erased contact. The payload is the contact's id.
pub(crate) const ERASED: &str = "contact.erased";
/// Topic of the outbox row of a merge. The row's id is the merge's, the payload a [`MergePayload`].
pub(crate) const MERGED: &str = "contact.joined";
/// Topic of the outbox row of wanted webhook events. The payload is an [`InterestPayload`].
pub(crate) const INTEREST: &str = "interest";

const INSERT_AUDIT: Sql = Sql::dialects(
    "INSERT INTO audit (organization_id, id, actor_kind, actor_id, action, subject, detail, at)
     SELECT $1, unhex(value->>'id'), value->>'actor_kind', unhex(value->>'actor_id'),
       value->>'action', value->>'subject', value->>'detail', $3
     FROM json_each($2) WHERE true",
    "INSERT INTO audit (organization_id, id, actor_kind, actor_id, action, subject, detail, at)
     SELECT $1, a.id, a.actor_kind, a.actor_id, a.action, a.subject, a.detail, $3
     FROM jsonb_to_recordset($2) AS a(id UUID, actor_kind TEXT, actor_id UUID, action TEXT,
       subject TEXT, detail TEXT)",
);
const INSERT_REVOCATIONS: Sql = Sql::dialects(
    "INSERT INTO revocations (organization_id, id, subject_id, created_at)
     SELECT $1, unhex(value->>'id'), unhex(value->>'subject', '-'), $3 FROM json_each($2) WHERE true",
    "INSERT INTO revocations (organization_id, id, subject_id, created_at)
     SELECT $1, r.id, r.subject, $3 FROM jsonb_to_recordset($2) AS r(id UUID, subject UUID)",
);
const INSERT_EVENTS: Sql = Sql::dialects(INSERT_SQLITE, INSERT_POSTGRES);

/// The conversations that a merge makes one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MergePayload {
    pub(crate) source_id: Uuid,
    pub(crate) target_id: Uuid,
}

/// The webhook events that an organization wants of its conversations.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InterestPayload {
    /// Bits of the events.
    pub(crate) events: i64,
    /// Number of changes so far.
    pub(crate) version: i64,
}

/// Writes everything that follows from a change, in the change's transaction.
pub(crate) async fn record(
    conn: &mut Connection,
    organization: OrganizationId,
    effects: Effects,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    insert_audit(conn, organization, &effects.audit, now, entropy).await?;
    insert_revocations(conn, organization, &effects.revoked, now, entropy).await?;
    for &event in Event::all() {
        let of_event = effects.events.iter().filter(|(_, one)| *one == event);
        let contacts: Vec<_> = of_event.map(|(contact, _)| *contact).collect();
        insert_events(conn, organization, &contacts, event, effects.bulk).await?;
    }
    for delivery in effects.deliveries {
        let due = due(conn, organization, &delivery, now).await?;
        let entry = entry(organization, delivery, now, entropy);
        onethread_outbox::enqueue(conn, entry, due).await?;
    }
    Ok(())
}

/// When a delivery is due. The revocations of this change are written already.
async fn due(
    conn: &mut Connection,
    organization: OrganizationId,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<Timestamp> {
    let Delivery::Merged { target, .. } = delivery else { return Ok(now) };
    let since = now.minus(MERGE_DELAY);
    let last = revocations::last_of(conn, organization, *target, since).await?;
    Ok(merge_due(now, last))
}

async fn insert_audit(
    conn: &mut Connection,
    organization: OrganizationId,
    records: &[AuditRecord],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    let row = |record: &AuditRecord| AuditRow {
        id: new_uuid(now, entropy).simple().to_string(),
        actor_kind: record.actor.kind(),
        actor_id: record.actor.id().map(|id| id.simple().to_string()),
        action: record.action.name(),
        subject: record.subject.to_string(),
        detail: record.detail.clone(),
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    let insert = conn.query(INSERT_AUDIT).bind(organization.0).bind(Json(&rows));
    insert.bind(Time(now)).execute().await?;
    Ok(())
}

/// A parameter of `INSERT_AUDIT`, with ids in hex.
#[derive(Serialize)]
struct AuditRow {
    id: String,
    actor_kind: &'static str,
    actor_id: Option<String>,
    action: &'static str,
    subject: String,
    detail: String,
}

async fn insert_revocations(
    conn: &mut Connection,
    organization: OrganizationId,
    subjects: &[Uuid],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    if subjects.is_empty() {
        return Ok(());
    }
    let rows = entries(subjects, now, entropy);
    let insert = conn.query(INSERT_REVOCATIONS).bind(organization.0).bind(Json(&rows));
    insert.bind(Time(now)).execute().await?;
    Ok(())
}

/// One query where no webhook wants the event, and one statement more where one does.
async fn insert_events(
    conn: &mut Connection,
    organization: OrganizationId,
    contacts: &[ContactId],
    event: Event,
    bulk: bool,
) -> Result<()> {
    if contacts.is_empty() || !is_wanted(conn, organization, &[event]).await? {
        return Ok(());
    }
    let hex = || Json(contacts.iter().map(|id| id.0.simple().to_string()).collect::<Vec<_>>());
    let ids = || contacts.iter().map(|id| id.0).collect::<Vec<_>>();
    let insert = conn.query(INSERT_EVENTS).bind(organization.0).bind_either(hex, ids);
    let trace = Some(onethread_telemetry::current_traceparent()).filter(|trace| !trace.is_empty());
    insert.bind(event.bit()).bind(bulk).bind(trace).execute().await?;
    Ok(())
}

fn entry(
    organization_id: OrganizationId,
    delivery: Delivery,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Entry {
    let new_id = || new_uuid(now, entropy);
    let (id, topic, payload) = match delivery {
        Delivery::Erased(contact) => (new_id(), ERASED, contact.0.to_string()),
        Delivery::Merged { merge_id, source, target } => {
            let payload = MergePayload { source_id: source.0, target_id: target.0 };
            (merge_id, MERGED, json(&payload))
        }
        Delivery::Interest { events, version } => {
            (new_id(), INTEREST, json(&InterestPayload { events, version }))
        }
    };
    Entry { organization_id, id, topic: topic.to_owned(), payload }
}

fn json(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).expect("ids and numbers are JSON")
}
