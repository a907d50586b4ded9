//! Rows as they are stored, and the domain's values of them.

use onethread_core::{AgentId, ConversationId, MessageId};
use onethread_db::{Error, Result, Time};
use uuid::Uuid;

use super::MAX_PAGE_BYTES;
use crate::domain::{
    Author, AuthorKind, Conversation, ConversationState, Message, MessageKind, ReadState, Status,
    Summary, Text,
};

/// A row of `conversations`.
#[derive(Debug, onethread_db::FromRow)]
pub(super) struct ConversationRow {
    conversation_id: Uuid,
    status: i64,
    assignee_id: Option<Uuid>,
    last_seq: i64,
    last_public_seq: i64,
    contact_read_seq: i64,
    contact_unread: i64,
    agent_read_seq: i64,
    agent_unread: i64,
    contact_wrote: bool,
    updated_at: Time,
}

/// A row of `messages`.
#[derive(Debug, onethread_db::FromRow)]
pub(super) struct MessageRow {
    conversation_id: Uuid,
    seq: i64,
    id: Uuid,
    client_message_id: Option<Uuid>,
    author_kind: i64,
    author_id: Uuid,
    kind: i64,
    body: String,
    prev_public_seq: i64,
    created_at: Time,
}

/// The state of a conversation.
#[derive(Debug, onethread_db::FromRow)]
pub(super) struct StateRow {
    pub(super) status: i64,
    pub(super) folded_into: Option<Uuid>,
}

/// Bytes of a row besides its text, near enough to bound a page.
const ROW_BYTES: i64 = 128;

impl ConversationRow {
    pub(super) fn id(&self) -> ConversationId {
        ConversationId(self.conversation_id)
    }

    /// With its last message.
    pub(super) fn summary(self, last_message: Option<MessageRow>) -> Result<Summary> {
        Ok(Summary {
            conversation: self.try_into()?,
            last_message: last_message.map(Message::try_from).transpose()?,
        })
    }
}

impl MessageRow {
    fn bytes(&self) -> i64 {
        i64::try_from(self.body.len()).unwrap_or(i64::MAX).saturating_add(ROW_BYTES)
    }
}

/// Drops the rows that are too much for a page, at most all but one. True when there were some.
pub(super) fn cut_page<R>(rows: &mut Vec<R>, message: impl Fn(&R) -> &MessageRow) -> bool {
    let mut bytes = 0;
    let fitting = rows.iter().take_while(|row| {
        bytes += message(row).bytes();
        bytes <= MAX_PAGE_BYTES
    });
    let fitting = fitting.count().max(1);
    let is_cut = fitting < rows.len();
    rows.truncate(fitting);
    is_cut
}

impl From<StateRow> for ConversationState {
    fn from(row: StateRow) -> Self {
        match (row.status, row.folded_into) {
            (REMOVED, Some(target)) => Self::MergedInto(ConversationId(target)),
            (REMOVED, None) => Self::Erased,
            _ => Self::Active,
        }
    }
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = Error;

    fn try_from(row: ConversationRow) -> Result<Self> {
        Ok(Self {
            id: ConversationId(row.conversation_id),
            status: Status::from_repr(row.status)
                .ok_or(Error::Corrupt("status of a conversation"))?,
            assignee: row.assignee_id.map(AgentId),
            last_seq: row.last_seq,
            last_public_seq: row.last_public_seq,
            contact: ReadState { read_seq: row.contact_read_seq, unread: row.contact_unread },
            agent: ReadState { read_seq: row.agent_read_seq, unread: row.agent_unread },
            contact_wrote: row.contact_wrote,
            updated_at: row.updated_at.0,
        })
    }
}

impl TryFrom<MessageRow> for Message {
    type Error = Error;

    fn try_from(row: MessageRow) -> Result<Self> {
        let author_kind = AuthorKind::from_repr(row.author_kind);
        let author_kind = author_kind.ok_or(Error::Corrupt("author of a message"))?;
        let author = Author { kind: author_kind, id: row.author_id };
        Ok(Self {
            id: MessageId(row.id),
            conversation: ConversationId(row.conversation_id),
            seq: row.seq,
            prev_public_seq: row.prev_public_seq,
            author,
            client_message_id: row.client_message_id,
            kind: kind(row.kind, author_kind)?,
            text: Text::stored(row.body),
            created_at: row.created_at.0,
        })
    }
}

/// A status that no row has.
pub(super) const NO_STATUS: i64 = 0;

/// Status of a conversation that was merged or erased.
pub(super) const REMOVED: i64 = 3;

/// The number of a kind in storage. All that contacts see has the same one; a public event is by
/// the system.
pub(super) fn kind_code(kind: MessageKind) -> i64 {
    match kind {
        MessageKind::Text | MessageKind::PublicEvent => 1,
        MessageKind::Note => 2,
        MessageKind::Event => 3,
    }
}

fn kind(code: i64, author: AuthorKind) -> Result<MessageKind> {
    match (code, author) {
        (1, AuthorKind::System) => Ok(MessageKind::PublicEvent),
        (1, _) => Ok(MessageKind::Text),
        (2, _) => Ok(MessageKind::Note),
        (3, _) => Ok(MessageKind::Event),
        _ => Err(Error::Corrupt("kind of a message")),
    }
}
