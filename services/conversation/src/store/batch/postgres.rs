//! The statements on PostgreSQL: each column of a batch is an array.

use onethread_core::OrganizationId;
use onethread_db::{Connection, Result, Statement, Time};
use sqlx::{Encode, Postgres, Type};

use super::{
    LockMode, SnapshotRow,
    plain::{LastNumbers, PlainBatch},
    sql,
};
use crate::{
    domain::{Conversation, NewMessage, SendPlan},
    store::rows::kind_code,
};

/// Adds a column of a batch as an array.
fn bind_column<'s, 'v, T>(
    statement: Statement<'s>,
    values: impl Iterator<Item = T>,
) -> Statement<'s>
where
    Vec<T>: Encode<'v, Postgres> + Type<Postgres>,
{
    statement.bind_either(|| None::<i64>, || values.collect::<Vec<_>>())
}

pub(super) async fn append_plain(
    conn: &mut Connection,
    batch: &PlainBatch<'_>,
) -> Result<Vec<LastNumbers>> {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let groups = || batch.groups.iter();
    let sends = || batch.sends.iter().map(|(_, new)| new);
    let append = conn.query(sql::APPEND_PLAIN_POSTGRES);
    let append = bind_column(append, groups().map(|group| group.organization.0));
    let append = bind_column(append, groups().map(|group| group.conversation.0));
    let append = bind_column(append, groups().map(|group| number(group.start)));
    let append = bind_column(append, groups().map(|group| number(group.count)));
    let append = bind_column(append, groups().map(|group| number(group.agent_count)));
    let append = bind_column(append, groups().map(|group| Time(group.now)));
    let append = bind_column(append, sends().map(|new| new.id.0));
    let append = bind_column(append, sends().map(|new| new.client_message_id));
    let append = bind_column(append, sends().map(|new| new.author.kind.code()));
    let append = bind_column(append, sends().map(|new| new.author.id));
    let append = bind_column(append, sends().map(|new| new.text.as_str()));
    bind_column(append, sends().map(|new| Time(new.now))).all().await
}

pub(super) async fn snapshot(
    conn: &mut Connection,
    sends: &[NewMessage],
    mode: LockMode,
) -> Result<Vec<SnapshotRow>> {
    let snapshot = conn.query(match mode {
        LockMode::Wait => sql::SNAPSHOT_POSTGRES,
        LockMode::SkipLocked => sql::SNAPSHOT_UNLOCKED_POSTGRES,
    });
    let snapshot = bind_column(snapshot, sends.iter().map(|new| new.organization.0));
    let snapshot = bind_column(snapshot, sends.iter().map(|new| new.conversation.0));
    let snapshot = bind_column(snapshot, sends.iter().map(|new| new.author.kind.code()));
    let snapshot = bind_column(snapshot, sends.iter().map(|new| new.author.id));
    bind_column(snapshot, sends.iter().map(|new| new.client_message_id)).all().await
}

pub(super) async fn write(
    conn: &mut Connection,
    sends: &[NewMessage],
    plan: &SendPlan,
) -> Result<()> {
    if !plan.begun.is_empty() {
        let begin = bind_conversations(conn.query(sql::BEGIN_POSTGRES), &plan.begun);
        begin.execute().await?;
    }
    let messages = || plan.messages(sends).map(|(_, message)| message);
    let append = bind_conversations(conn.query(sql::APPEND_POSTGRES), &plan.updated);
    let append = bind_column(append, plan.messages(sends).map(|(organization, _)| organization.0));
    let append = bind_column(append, messages().map(|one| one.conversation.0));
    let append = bind_column(append, messages().map(|one| one.seq));
    let append = bind_column(append, messages().map(|one| one.id.0));
    let append = bind_column(append, messages().map(|one| one.client_message_id));
    let append = bind_column(append, messages().map(|one| one.author.kind.code()));
    let append = bind_column(append, messages().map(|one| one.author.id));
    let append = bind_column(append, messages().map(|one| kind_code(one.kind)));
    let append = bind_column(append, messages().map(|one| one.text.as_str()));
    let append = bind_column(append, messages().map(|one| one.prev_public_seq));
    bind_column(append, messages().map(|one| Time(one.created_at))).execute().await?;
    Ok(())
}

/// Binds the first nine parameters.
fn bind_conversations<'s>(
    statement: Statement<'s>,
    conversations: &[(OrganizationId, Conversation)],
) -> Statement<'s> {
    let column = |statement: Statement<'s>, value: fn(&Conversation) -> i64| {
        bind_column(statement, conversations.iter().map(|(_, one)| value(one)))
    };
    let statement = bind_column(statement, conversations.iter().map(|(key, _)| key.0));
    let statement = bind_column(statement, conversations.iter().map(|(_, one)| one.id.0));
    let statement = column(statement, |one| one.status.code());
    let statement = column(statement, |one| one.last_seq);
    let statement = column(statement, |one| one.last_public_seq);
    let statement = column(statement, |one| one.contact.unread);
    let statement = column(statement, |one| one.agent.unread);
    let statement = bind_column(statement, conversations.iter().map(|(_, one)| one.contact_wrote));
    bind_column(statement, conversations.iter().map(|(_, one)| Time(one.updated_at)))
}
