//! The statements on PostgreSQL: a column of a batch is an array.

use onethread_core::OrganizationId;
use onethread_db::{Result, Time};
use sqlx::{PgConnection, query, query_as};
use uuid::Uuid;

use super::{
    Kept, Met, NewMessage, met,
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
    conn: &mut PgConnection,
    plain: &Plain<'_>,
) -> Result<Vec<Stored>> {
    let number = |of: usize| i64::try_from(of).unwrap_or(i64::MAX);
    let (threads, sends) = (&plain.threads, &plain.sends);
    let ids =
        |of: fn(&NewMessage) -> Uuid| sends.iter().map(|(_, new)| of(new)).collect::<Vec<_>>();
    Ok(query_as(texts::PLAIN_POSTGRES)
        .bind(threads.iter().map(|thread| thread.organization.0).collect::<Vec<_>>())
        .bind(threads.iter().map(|thread| thread.id.0).collect::<Vec<_>>())
        .bind(threads.iter().map(|thread| number(thread.before)).collect::<Vec<_>>())
        .bind(threads.iter().map(|thread| number(thread.added)).collect::<Vec<_>>())
        .bind(threads.iter().map(|thread| number(thread.by_agents)).collect::<Vec<_>>())
        .bind(threads.iter().map(|thread| Time(thread.now)).collect::<Vec<_>>())
        .bind(ids(|new| new.id.0))
        .bind(ids(|new| new.client_message_id))
        .bind(sends.iter().map(|(_, new)| author_code(new.author.kind)).collect::<Vec<_>>())
        .bind(ids(|new| new.author.id))
        .bind(sends.iter().map(|(_, new)| new.text.as_str()).collect::<Vec<_>>())
        .bind(sends.iter().map(|(_, new)| Time(new.now)).collect::<Vec<_>>())
        .fetch_all(conn)
        .await?)
}

pub(super) async fn meet(conn: &mut PgConnection, sends: &[NewMessage], kept: Kept) -> Result<Met> {
    let text = match kept {
        Kept::Wait => texts::MEET_POSTGRES,
        Kept::Leave => texts::MEET_FREE_POSTGRES,
    };
    let column = |of: fn(&NewMessage) -> Uuid| sends.iter().map(of).collect::<Vec<_>>();
    let kinds: Vec<_> = sends.iter().map(|new| author_code(new.author.kind)).collect();
    let rows = query(text)
        .bind(column(|new| new.organization.0))
        .bind(column(|new| new.conversation.0))
        .bind(kinds)
        .bind(column(|new| new.author.id))
        .bind(column(|new| new.client_message_id))
        .fetch_all(conn)
        .await?;
    met(&rows)
}

pub(super) async fn write(
    conn: &mut PgConnection,
    sends: &[NewMessage],
    plan: &Plan,
) -> Result<()> {
    if !plan.begun.is_empty() {
        let rows = Rows::of(&plan.begun);
        query(texts::BEGIN_POSTGRES)
            .bind(rows.organizations)
            .bind(rows.ids)
            .bind(rows.statuses)
            .bind(rows.last_seqs)
            .bind(rows.last_public_seqs)
            .bind(rows.contact_unread)
            .bind(rows.agent_unread)
            .bind(rows.contact_wrote)
            .bind(rows.updated_at)
            .execute(&mut *conn)
            .await?;
    }
    let rows = Rows::of(&plan.moved);
    let stored: Vec<_> = plan.stored(sends).collect();
    query(texts::APPEND_POSTGRES)
        .bind(rows.organizations)
        .bind(rows.ids)
        .bind(rows.statuses)
        .bind(rows.last_seqs)
        .bind(rows.last_public_seqs)
        .bind(rows.contact_unread)
        .bind(rows.agent_unread)
        .bind(rows.contact_wrote)
        .bind(stored.iter().map(|(organization, _)| organization.0).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| message.conversation.0).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| message.seq).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| message.id.0).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| message.client_message_id).collect::<Vec<_>>())
        .bind(
            stored.iter().map(|(_, message)| author_code(message.author.kind)).collect::<Vec<_>>(),
        )
        .bind(stored.iter().map(|(_, message)| message.author.id).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| kind_code(message.kind)).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| message.text.as_str()).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| message.prev_public_seq).collect::<Vec<_>>())
        .bind(stored.iter().map(|(_, message)| Time(message.created_at)).collect::<Vec<_>>())
        .bind(rows.updated_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Conversations by columns.
struct Rows {
    organizations: Vec<Uuid>,
    ids: Vec<Uuid>,
    statuses: Vec<i64>,
    last_seqs: Vec<i64>,
    last_public_seqs: Vec<i64>,
    contact_unread: Vec<i64>,
    agent_unread: Vec<i64>,
    contact_wrote: Vec<bool>,
    updated_at: Vec<Time>,
}

impl Rows {
    fn of(threads: &[(OrganizationId, Conversation)]) -> Self {
        let of = |value: fn(&Conversation) -> i64| threads.iter().map(|(_, c)| value(c)).collect();
        Self {
            organizations: threads.iter().map(|(organization, _)| organization.0).collect(),
            ids: threads.iter().map(|(_, c)| c.id.0).collect(),
            statuses: of(|c| status_code(c.status)),
            last_seqs: of(|c| c.last_seq),
            last_public_seqs: of(|c| c.last_public_seq),
            contact_unread: of(|c| c.contact.unread),
            agent_unread: of(|c| c.agent.unread),
            contact_wrote: threads.iter().map(|(_, c)| c.contact_wrote).collect(),
            updated_at: threads.iter().map(|(_, c)| Time(c.updated_at)).collect(),
        }
    }
}
