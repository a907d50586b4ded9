//! The statements on SQLite: a batch is a JSON array of rows, ids in hex.

use onethread_core::OrganizationId;
use onethread_db::{Connection, Json, Result};
use serde::Serialize;
use uuid::Uuid;

use super::{
    SnapshotRow,
    plain::{LastNumbers, PlainBatch},
    sql,
};
use crate::{
    domain::{Conversation, NewMessage, SendPlan},
    store::rows::kind_code,
};

pub(super) async fn append_plain(
    conn: &mut Connection,
    batch: &PlainBatch<'_>,
) -> Result<Vec<LastNumbers>> {
    let groups = batch.groups.iter().map(|group| {
        let ids = (group.organization.0.simple(), group.conversation.0.simple());
        (ids.0, ids.1, group.start, group.count, group.agent_count, group.now.micros())
    });
    let sends = batch.groups.iter().flat_map(|group| {
        batch.sends_of(group).iter().zip(1..).map(|((_, new), nth): (_, i64)| {
            (
                new.organization.0.simple(),
                new.conversation.0.simple(),
                nth,
                new.id.0.simple(),
                new.client_message_id.simple(),
                new.author.kind.code(),
                new.author.id.simple(),
                new.text.as_str(),
                new.now.micros(),
            )
        })
    });
    // The text has several statements: all rows are fetched, so that it is run to its end.
    let append = conn.query(sql::APPEND_PLAIN_SQLITE).bind(rows(groups)).bind(rows(sends));
    let appended: Vec<Json<Vec<LastNumbers>>> = append.scalars().await?;
    Ok(appended.into_iter().flat_map(|appended| appended.0).collect())
}

pub(super) async fn snapshot(
    conn: &mut Connection,
    sends: &[NewMessage],
) -> Result<Vec<SnapshotRow>> {
    let sends = sends.iter().map(|new| {
        (
            new.organization.0.simple(),
            new.conversation.0.simple(),
            new.author.kind.code(),
            new.author.id.simple(),
            new.client_message_id.simple(),
        )
    });
    conn.query(sql::SNAPSHOT_SQLITE).bind(rows(sends)).all().await
}

pub(super) async fn write(
    conn: &mut Connection,
    sends: &[NewMessage],
    plan: &SendPlan,
) -> Result<()> {
    if !plan.begun.is_empty() {
        conn.query(sql::BEGIN_SQLITE).bind(conversations(&plan.begun)).execute().await?;
    }
    if !plan.updated.is_empty() {
        conn.query(sql::UPDATE_SQLITE).bind(conversations(&plan.updated)).execute().await?;
    }
    let messages = plan.messages(sends).map(|(organization, message)| {
        (
            organization.0.simple(),
            message.conversation.0.simple(),
            message.seq,
            message.id.0.simple(),
            message.client_message_id.map(Uuid::simple),
            message.author.kind.code(),
            message.author.id.simple(),
            kind_code(message.kind),
            message.text.as_str(),
            message.prev_public_seq,
            message.created_at.micros(),
        )
    });
    conn.query(sql::INSERT_SQLITE).bind(rows(messages)).execute().await?;
    Ok(())
}

fn conversations(conversations: &[(OrganizationId, Conversation)]) -> String {
    rows(conversations.iter().map(|(organization, one)| {
        (
            organization.0.simple(),
            one.id.0.simple(),
            one.status.code(),
            one.last_seq,
            one.last_public_seq,
            one.contact.unread,
            one.agent.unread,
            i64::from(one.contact_wrote),
            one.updated_at.micros(),
        )
    }))
}

/// A JSON array of rows; a tuple is a row.
fn rows(rows: impl Iterator<Item = impl Serialize>) -> String {
    serde_json::to_string(&rows.collect::<Vec<_>>()).expect("ids, numbers and texts are JSON")
}
