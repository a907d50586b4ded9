//! The statements on SQLite: a batch is a JSON array of rows, ids in hex.

use onethread_core::OrganizationId;
use onethread_db::{Json, Result};
use serde::Serialize;
use sqlx::{SqliteConnection, query, query_scalar};
use uuid::Uuid;

use super::{
    Met, NewMessage, met,
    plain::{Plain, Stored},
    plan::Plan,
};
use crate::{
    domain::Conversation,
    store::{
        rows::{author_code, kind_code, status_code},
        sql_sends as texts,
    },
};

pub(super) async fn append_plain(
    conn: &mut SqliteConnection,
    plain: &Plain<'_>,
) -> Result<Vec<Stored>> {
    let threads = plain.threads.iter().map(|thread| {
        let ids = (thread.organization.0.simple(), thread.id.0.simple());
        (ids.0, ids.1, thread.before, thread.added, thread.by_agents, thread.now.micros())
    });
    let sends = plain.threads.iter().flat_map(|thread| {
        let own = &plain.sends[thread.before..thread.before + thread.added];
        own.iter().zip(1..).map(|((_, new), nth): (_, i64)| {
            (
                new.organization.0.simple(),
                new.conversation.0.simple(),
                nth,
                new.id.0.simple(),
                new.client_message_id.simple(),
                author_code(new.author.kind),
                new.author.id.simple(),
                new.text.as_str(),
                new.now.micros(),
            )
        })
    });
    let stored: Vec<Json<Vec<Stored>>> = query_scalar(texts::PLAIN_SQLITE)
        .bind(text(threads))
        .bind(text(sends))
        .fetch_all(conn)
        .await?;
    Ok(stored.into_iter().flat_map(|stored| stored.0).collect())
}

pub(super) async fn meet(conn: &mut SqliteConnection, sends: &[NewMessage]) -> Result<Met> {
    let rows = sends.iter().map(|new| {
        (
            new.organization.0.simple(),
            new.conversation.0.simple(),
            author_code(new.author.kind),
            new.author.id.simple(),
            new.client_message_id.simple(),
        )
    });
    let rows = query(texts::MEET_SQLITE).bind(text(rows)).fetch_all(conn).await?;
    met(&rows)
}

pub(super) async fn write(
    conn: &mut SqliteConnection,
    sends: &[NewMessage],
    plan: &Plan,
) -> Result<()> {
    if !plan.begun.is_empty() {
        query(texts::BEGIN_SQLITE).bind(threads(&plan.begun)).execute(&mut *conn).await?;
    }
    if !plan.moved.is_empty() {
        query(texts::MOVE_SQLITE).bind(threads(&plan.moved)).execute(&mut *conn).await?;
    }
    let stored = plan.stored(sends).map(|(organization, message)| {
        (
            organization.0.simple(),
            message.conversation.0.simple(),
            message.seq,
            message.id.0.simple(),
            message.client_message_id.map(Uuid::simple),
            author_code(message.author.kind),
            message.author.id.simple(),
            kind_code(message.kind),
            message.text.as_str(),
            message.prev_public_seq,
            message.created_at.micros(),
        )
    });
    query(texts::INSERT_SQLITE).bind(text(stored)).execute(conn).await?;
    Ok(())
}

fn threads(threads: &[(OrganizationId, Conversation)]) -> String {
    text(threads.iter().map(|(organization, c)| {
        (
            organization.0.simple(),
            c.id.0.simple(),
            status_code(c.status),
            c.last_seq,
            c.last_public_seq,
            c.contact.unread,
            c.agent.unread,
            i64::from(c.contact_wrote),
            c.updated_at.micros(),
        )
    }))
}

/// An array of rows; a tuple is a row.
fn text(rows: impl Iterator<Item = impl Serialize>) -> String {
    serde_json::to_string(&rows.collect::<Vec<_>>()).expect("ids, numbers and texts are JSON")
}
