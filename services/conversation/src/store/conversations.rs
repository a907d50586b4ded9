//! Rows of `conversations`. The id of one that was merged or erased stays taken for ever.

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Result, Sql, Time};

use super::{
    rows::{ConversationRow, StateRow},
    sql::conversation_columns,
};
use crate::domain::{Conversation, ConversationState, Side, Status};

macro_rules! by_id {
    () => {
        concat!(
            "SELECT ",
            conversation_columns!(),
            " FROM conversations c WHERE c.organization_id = $1 AND c.id = $2 AND c.status <> 3"
        )
    };
}

/// Organization, conversation.
const BY_ID: &str = by_id!();

/// The same, locking the row until the transaction ends. On SQLite the transaction itself keeps
/// other writers out.
pub(super) const LOCKED_BY_ID: Sql =
    Sql::dialects(by_id!(), concat!(by_id!(), " FOR NO KEY UPDATE"));

/// Organization, conversation.
const STATE: &str =
    "SELECT status, folded_into FROM conversations WHERE organization_id = $1 AND id = $2";

/// Organization, conversation, status, now. Does nothing where the row exists.
const INSERT: &str =
    "INSERT INTO conversations (organization_id, id, status, last_seq, last_public_seq,
        contact_read_seq, contact_unread, agent_read_seq, agent_unread, contact_wrote,
        created_at, updated_at)
    VALUES ($1, $2, $3, 0, 0, 0, 0, 0, 0, false, $4, $4)
    ON CONFLICT (organization_id, id) DO NOTHING";

/// The time stays: reading is no activity, and so the index isn't written.
const UPDATE_READ_STATES: &str =
    "UPDATE conversations SET contact_read_seq = $3, contact_unread = $4, agent_read_seq = $5,
        agent_unread = $6
    WHERE organization_id = $1 AND id = $2";

const UPDATE_STATUS: &str =
    "UPDATE conversations SET status = $3, assignee_id = $4, last_seq = $5, updated_at = $6
    WHERE organization_id = $1 AND id = $2";

const UPDATE: &str =
    "UPDATE conversations SET status = $3, assignee_id = $4, last_seq = $5, last_public_seq = $6,
        contact_read_seq = $7, contact_unread = $8, agent_read_seq = $9, agent_unread = $10,
        contact_wrote = $11, updated_at = $12
    WHERE organization_id = $1 AND id = $2";

/// Organization, conversation, the target of its merge, now.
const REMOVE: &str =
    "UPDATE conversations SET status = 3, folded_into = $3, assignee_id = NULL, last_seq = 0,
        last_public_seq = 0, contact_read_seq = 0, contact_unread = 0, agent_read_seq = 0,
        agent_unread = 0, updated_at = $4
    WHERE organization_id = $1 AND id = $2";

/// Organization, conversation, another. Those that were merged into the one are now merged into
/// the other, so that a send is never redirected twice.
const REDIRECT_MERGED: &str =
    "UPDATE conversations SET folded_into = $3 WHERE organization_id = $1 AND folded_into = $2";

/// Organization, conversation.
const DELETE_EMPTY: &str =
    "DELETE FROM conversations WHERE organization_id = $1 AND id = $2 AND last_seq = 0";

/// A conversation, unless it was merged or erased.
pub(crate) async fn by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    query(conn, BY_ID.into(), organization, id).await
}

/// The same, locked until the transaction ends.
pub(crate) async fn locked_by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    query(conn, LOCKED_BY_ID, organization, id).await
}

async fn query(
    conn: &mut Connection,
    text: Sql,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    let query = conn.query(text).bind(organization.0).bind(id.0);
    let row: Option<ConversationRow> = query.optional().await?;
    row.map(Conversation::try_from).transpose()
}

/// What an id stands for.
pub(crate) async fn state(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<ConversationState> {
    let query = conn.query(STATE).bind(organization.0).bind(id.0);
    let row: Option<StateRow> = query.optional().await?;
    Ok(row.map_or(ConversationState::Missing, ConversationState::from))
}

/// The conversation that a side reads under an id. Agents read the target of a merge. For the
/// contact a merged conversation is gone: who has its token isn't known to be the other contact.
pub(crate) async fn as_seen_by(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
) -> Result<Option<Conversation>> {
    let found = by_id(conn, organization, id).await?;
    if found.is_some() || side != Side::Agent {
        return Ok(found);
    }
    match state(conn, organization, id).await? {
        ConversationState::MergedInto(target) => by_id(conn, organization, target).await,
        _ => Ok(None),
    }
}

/// Inserts a conversation without a message.
///
/// # Errors
///
/// A conflict when another process has inserted it meanwhile: it has to be read and locked then.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
    now: Timestamp,
) -> Result<Conversation> {
    let insert = conn.query(INSERT).bind(organization.0).bind(id.0);
    let inserted = insert.bind(Status::Open.code()).bind(Time(now)).execute().await?;
    if inserted == 1 { Ok(Conversation::new(id, now)) } else { Err(Error::Conflict) }
}

/// Saves the read marks and unread counts.
pub(crate) async fn update_read_states(
    conn: &mut Connection,
    organization: OrganizationId,
    conversation: &Conversation,
) -> Result<()> {
    let Conversation { id, contact, agent, .. } = conversation;
    let update = conn.query(UPDATE_READ_STATES).bind(organization.0).bind(id.0);
    let update = update.bind(contact.read_seq).bind(contact.unread);
    update.bind(agent.read_seq).bind(agent.unread).execute().await?;
    Ok(())
}

/// Saves the status and the assignee, with the number of the last event.
pub(crate) async fn update_status(
    conn: &mut Connection,
    organization: OrganizationId,
    conversation: &Conversation,
) -> Result<()> {
    let Conversation { id, status, assignee, last_seq, updated_at, .. } = conversation;
    let update = conn.query(UPDATE_STATUS).bind(organization.0).bind(id.0).bind(status.code());
    let update = update.bind(assignee.map(|agent| agent.0)).bind(*last_seq);
    update.bind(Time(*updated_at)).execute().await?;
    Ok(())
}

/// Saves everything.
pub(crate) async fn update(
    conn: &mut Connection,
    organization: OrganizationId,
    conversation: &Conversation,
) -> Result<()> {
    let one = conversation;
    let update = conn.query(UPDATE).bind(organization.0).bind(one.id.0).bind(one.status.code());
    let update = update.bind(one.assignee.map(|agent| agent.0));
    let update = update.bind(one.last_seq).bind(one.last_public_seq);
    let update = update.bind(one.contact.read_seq).bind(one.contact.unread);
    let update = update.bind(one.agent.read_seq).bind(one.agent.unread);
    update.bind(one.contact_wrote).bind(Time(one.updated_at)).execute().await?;
    Ok(())
}

/// Removes a conversation whose messages are in the target of a merge, or deleted. What was
/// merged into it before goes to the same target.
pub(crate) async fn remove(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
    target: Option<ConversationId>,
    now: Timestamp,
) -> Result<()> {
    let remove = conn.query(REMOVE).bind(organization.0).bind(id.0);
    remove.bind(target.map(|id| id.0)).bind(Time(now)).execute().await?;
    if let Some(target) = target {
        let redirect = conn.query(REDIRECT_MERGED).bind(organization.0).bind(id.0);
        redirect.bind(target.0).execute().await?;
    }
    Ok(())
}

/// Deletes the row of a conversation without a message.
pub(crate) async fn delete_empty(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<()> {
    conn.query(DELETE_EMPTY).bind(organization.0).bind(id.0).execute().await?;
    Ok(())
}
