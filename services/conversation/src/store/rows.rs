//! Rows as they are stored, and what they mean.

use onethread_core::{AgentId, ConversationId, MessageId};
use onethread_db::{Error, Result, Time};
use uuid::Uuid;

use crate::domain::{Author, AuthorKind, Conversation, Kind, Message, Reader, Side, Status, Text};

/// A row of `conversations`.
#[derive(Debug, sqlx::FromRow)]
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
#[derive(Debug, sqlx::FromRow)]
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

/// A conversation with its last message.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct SummaryRow {
    #[sqlx(flatten)]
    pub(super) conversation: ConversationRow,
    #[sqlx(flatten)]
    pub(super) message: MessageRow,
    /// When its last activity was before the walk through the list began.
    pub(super) stood_at: Time,
}

/// The numbers of a conversation.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct HeadRow {
    id: Uuid,
    last_seq: i64,
    contact_read_seq: i64,
    agent_read_seq: i64,
    status: i64,
}

impl ConversationRow {
    /// Which conversation.
    pub(super) fn id(&self) -> ConversationId {
        ConversationId(self.conversation_id)
    }
}

impl MessageRow {
    /// Bytes it takes, near enough to bound a page.
    pub(super) fn weight(&self) -> usize {
        self.body.len() + 128
    }
}

/// The numbers of a conversation, enough to see whether a reader missed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) conversation: ConversationId,
    pub(crate) last_seq: i64,
    pub(crate) contact_read_seq: i64,
    pub(crate) agent_read_seq: i64,
    /// It was folded or erased.
    pub(crate) ended: bool,
}

impl Head {
    /// Where a conversation stands that was not begun.
    pub(crate) fn before_all(conversation: ConversationId) -> Self {
        Self { conversation, last_seq: 0, contact_read_seq: 0, agent_read_seq: 0, ended: false }
    }

    /// Where a side's read mark stands.
    pub(crate) fn mark(&self, side: Side) -> i64 {
        match side {
            Side::Contact => self.contact_read_seq,
            Side::Agent => self.agent_read_seq,
        }
    }
}

impl From<HeadRow> for Head {
    fn from(row: HeadRow) -> Self {
        Self {
            conversation: ConversationId(row.id),
            last_seq: row.last_seq,
            contact_read_seq: row.contact_read_seq,
            agent_read_seq: row.agent_read_seq,
            ended: row.status == ENDED,
        }
    }
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = Error;

    fn try_from(row: ConversationRow) -> Result<Self> {
        Ok(Self {
            id: ConversationId(row.conversation_id),
            status: status(row.status)?,
            assignee: row.assignee_id.map(AgentId),
            last_seq: row.last_seq,
            last_public_seq: row.last_public_seq,
            contact: Reader { read_seq: row.contact_read_seq, unread: row.contact_unread },
            agent: Reader { read_seq: row.agent_read_seq, unread: row.agent_unread },
            contact_wrote: row.contact_wrote,
            updated_at: row.updated_at.0,
        })
    }
}

impl TryFrom<MessageRow> for Message {
    type Error = Error;

    fn try_from(row: MessageRow) -> Result<Self> {
        let author = Author { kind: author_kind(row.author_kind)?, id: row.author_id };
        Ok(Self {
            id: MessageId(row.id),
            conversation: ConversationId(row.conversation_id),
            seq: row.seq,
            prev_public_seq: row.prev_public_seq,
            author,
            client_message_id: row.client_message_id,
            kind: kind(row.kind, author.kind)?,
            text: Text::stored(row.body),
            created_at: row.created_at.0,
        })
    }
}

/// No row has this code in any column.
pub(super) const NONE: i64 = 0;

/// Status of a conversation that was folded or erased.
pub(super) const ENDED: i64 = 3;

pub(super) fn status_code(status: Status) -> i64 {
    match status {
        Status::Open => 1,
        Status::Closed => 2,
    }
}

fn status(code: i64) -> Result<Status> {
    match code {
        1 => Ok(Status::Open),
        2 => Ok(Status::Closed),
        _ => Err(Error::Corrupt("status of a conversation")),
    }
}

pub(super) fn author_code(kind: AuthorKind) -> i64 {
    match kind {
        AuthorKind::Contact => 1,
        AuthorKind::Agent => 2,
        AuthorKind::System => 3,
    }
}

fn author_kind(code: i64) -> Result<AuthorKind> {
    match code {
        1 => Ok(AuthorKind::Contact),
        2 => Ok(AuthorKind::Agent),
        3 => Ok(AuthorKind::System),
        _ => Err(Error::Corrupt("author of a message")),
    }
}

pub(super) fn kind_code(kind: Kind) -> i64 {
    match kind {
        // What a contact sees has one code; a mark is the system's.
        Kind::Text | Kind::Mark => 1,
        Kind::Note => 2,
        Kind::Event => 3,
    }
}

fn kind(code: i64, author: AuthorKind) -> Result<Kind> {
    match (code, author) {
        (1, AuthorKind::System) => Ok(Kind::Mark),
        (1, _) => Ok(Kind::Text),
        (2, _) => Ok(Kind::Note),
        (3, _) => Ok(Kind::Event),
        _ => Err(Error::Corrupt("kind of a message")),
    }
}
