//! The statements on SQLite: a batch is a JSON array of rows, ids in hex.

use onethread_core::OrganizationId;
use onethread_db::{Json, Result};
use serde_json::{Value, json};
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
        let ids = [hex(thread.organization.0), hex(thread.id.0)];
        let now = thread.now.micros();
        json!([ids[0], ids[1], thread.before, thread.added, thread.by_agents, now])
    });
    let sends = plain.threads.iter().flat_map(|thread| {
        let own = &plain.sends[thread.before..thread.before + thread.added];
        own.iter().zip(1..).map(|((_, new), nth): (_, i64)| {
            json!([
                hex(new.organization.0),
                hex(new.conversation.0),
                nth,
                hex(new.id.0),
                hex(new.client_message_id),
                author_code(new.author.kind),
                hex(new.author.id),
                new.text.as_str(),
                new.now.micros(),
            ])
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
        let (author, client) = (hex(new.author.id), hex(new.client_message_id));
        let kind = author_code(new.author.kind);
        json!([hex(new.organization.0), hex(new.conversation.0), kind, author, client])
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
        json!([
            hex(organization.0),
            hex(message.conversation.0),
            message.seq,
            hex(message.id.0),
            message.client_message_id.map(hex),
            author_code(message.author.kind),
            hex(message.author.id),
            kind_code(message.kind),
            message.text.as_str(),
            message.prev_public_seq,
            message.created_at.micros(),
        ])
    });
    query(texts::INSERT_SQLITE).bind(text(stored)).execute(conn).await?;
    Ok(())
}

fn threads(threads: &[(OrganizationId, Conversation)]) -> String {
    text(threads.iter().map(|(organization, c)| {
        json!([
            hex(organization.0),
            hex(c.id.0),
            status_code(c.status),
            c.last_seq,
            c.last_public_seq,
            c.contact.unread,
            c.agent.unread,
            i64::from(c.contact_wrote),
            c.updated_at.micros(),
        ])
    }))
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

fn text(rows: impl Iterator<Item = Value>) -> String {
    Value::Array(rows.collect()).to_string()
}
