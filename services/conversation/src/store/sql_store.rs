//! The store on `libs/db`.

use futures::{Stream, StreamExt, TryStreamExt};
use onethread_core::{ConversationId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Conn, Database, Result, Time, on};
use onethread_outbox::Entry;
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{
    FIRST_MESSAGE, FirstMessage, Head, History, ListQuery, Marked, NewMessage, Position, Sent,
    rows::{
        ConversationRow, HeadRow, MessageRow, NONE, SummaryRow, author_code, kind_code, status_code,
    },
    sql,
};
use crate::domain::{Appended, AuthorKind, Conversation, Kind, Message, Side, Status, Summary};

/// Bytes after which a page ends, so that it stays far below what one gRPC message may hold.
const PAGE_BYTES: usize = 1 << 20;

/// Later than any time that a row has.
const END_OF_TIME: Timestamp = Timestamp::from_micros(253_402_300_799_999_999);

/// Conversations and messages in the service's database. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store(Database);

impl Store {
    /// On a migrated database.
    pub(crate) fn new(db: Database) -> Self {
        Self(db)
    }

    /// Stores a message under the next number of its conversation, once for its author and the
    /// client's id. A contact's first message begins the conversation and writes the delivery that
    /// tells of it, all in one transaction.
    pub(crate) async fn send(&self, organization: OrganizationId, new: NewMessage) -> Result<Sent> {
        self.0
            .write("conversation.send", move |mut conn| {
                Box::pin(async move { send(&mut conn, organization, new).await })
            })
            .await
    }

    /// A run of messages that a side can see, ascending. `None` for no such conversation.
    pub(crate) async fn history(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        position: Position,
        size: PageSize,
    ) -> Result<Option<History>> {
        self.0
            .read("conversation.history", move |mut conn| {
                Box::pin(async move {
                    // In this order, or the run could end behind the last number told with it.
                    let (messages, _) =
                        page(&mut conn, organization, id, side, position, size).await?;
                    let conversation = get(&mut conn, organization, id).await?;
                    Ok(conversation.map(|conversation| History { messages, conversation }))
                })
            })
            .await
    }

    /// Messages right after a number as agents see them, ascending, and whether more may follow.
    pub(crate) async fn messages_after(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        seq: i64,
        size: PageSize,
    ) -> Result<(Vec<Message>, bool)> {
        self.0
            .read("conversation.messages_after", move |mut conn| {
                Box::pin(async move {
                    let position = Position::After(seq);
                    page(&mut conn, organization, id, Side::Agent, position, size).await
                })
            })
            .await
    }

    /// One conversation as a side sees it.
    pub(crate) async fn summary(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
    ) -> Result<Option<Summary>> {
        self.0
            .read("conversation.get", move |mut conn| {
                Box::pin(async move {
                    let Some(conversation) = get(&mut conn, organization, id).await? else {
                        return Ok(None);
                    };
                    let last: Option<MessageRow> = on!(&mut conn, |c| query_as(sql::ONE)
                        .bind(organization.0)
                        .bind(id.0)
                        .bind(conversation.last_seq(side))
                        .fetch_optional(&mut **c)
                        .await)?;
                    let last_message = last.map(Message::try_from).transpose()?;
                    Ok(Some(Summary { conversation, last_message }))
                })
            })
            .await
    }

    /// Conversations as agents see them, newest activity first, and whether more follow.
    pub(crate) async fn list(
        &self,
        organization: OrganizationId,
        wanted: ListQuery,
    ) -> Result<(Vec<Summary>, bool)> {
        let (time, id) = wanted.behind.map_or((END_OF_TIME, Uuid::max()), |(at, id)| (at, id.0));
        let statuses = match wanted.status {
            Some(status) => (status_code(status), NONE),
            None => (status_code(Status::Open), status_code(Status::Closed)),
        };
        let (mut rows, cut) = self
            .0
            .read("conversation.list", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| {
                        let rows = query_as(sql::LIST)
                            .bind(organization.0)
                            .bind(Time(time))
                            .bind(id)
                            .bind(wanted.size.limit_and_one())
                            .bind(statuses.0)
                            .bind(statuses.1)
                            .fetch(&mut **c);
                        fill(rows, |row: &SummaryRow| row.message.weight()).await
                    })
                })
            })
            .await?;
        let more = cut || rows.len() > wanted.size.rows();
        rows.truncate(wanted.size.rows());
        let summaries = rows.into_iter().map(|row| {
            Ok(Summary {
                conversation: row.conversation.try_into()?,
                last_message: Some(row.message.try_into()?),
            })
        });
        Ok((summaries.collect::<Result<_>>()?, more))
    }

    /// Moves a side's read mark forward, at most to the last message it can see. `None` for no
    /// such conversation.
    pub(crate) async fn mark_read(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        seq: i64,
    ) -> Result<Option<Marked>> {
        self.0
            .write("conversation.mark_read", move |mut conn| {
                Box::pin(async move { mark_read(&mut conn, organization, id, side, seq).await })
            })
            .await
    }

    /// The numbers of those of the conversations that exist.
    pub(crate) async fn heads(
        &self,
        organization: OrganizationId,
        ids: &[ConversationId],
    ) -> Result<Vec<Head>> {
        let ids: Vec<String> = ids.iter().map(|id| id.0.simple().to_string()).collect();
        let ids = serde_json::to_string(&ids).expect("texts are JSON");
        let rows: Vec<HeadRow> = self
            .0
            .read("conversation.heads", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::HEADS_SQLITE, sql::HEADS_POSTGRES);
                    Ok(on!(&mut conn, |c| query_as(text)
                        .bind(organization.0)
                        .bind(ids)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(rows.into_iter().map(Head::from).collect())
    }
}

async fn send(conn: &mut Conn<'_>, organization: OrganizationId, new: NewMessage) -> Result<Sent> {
    let Some(mut conversation) = lock_or_begin(conn, organization, &new).await? else {
        return Ok(Sent::NoConversation);
    };
    let appended = conversation.append(new.author.kind, new.kind, new.now);
    if !insert(conn, organization, &new, appended).await? {
        let stored = sent_before(conn, organization, &new).await?;
        let same = stored.kind == new.kind && stored.text == new.text;
        return Ok(if same { Sent::Repeated(stored) } else { Sent::IdReused });
    }
    on!(&mut *conn, |c| query(sql::APPENDED)
        .bind(organization.0)
        .bind(conversation.id.0)
        .bind(status_code(conversation.status))
        .bind(conversation.last_seq)
        .bind(conversation.last_public_seq)
        .bind(conversation.contact.unread)
        .bind(conversation.agent.unread)
        .bind(conversation.contact_wrote)
        .bind(Time(conversation.updated_at))
        .execute(&mut **c)
        .await
        .map(drop))?;
    if appended.first_of_contact {
        let told = FirstMessage { contact_id: new.conversation.0 };
        let entry = Entry {
            organization_id: organization,
            id: new.delivery,
            topic: FIRST_MESSAGE.to_owned(),
            payload: serde_json::to_string(&told).expect("an id is JSON"),
        };
        onethread_outbox::push(conn, entry, new.now).await?;
    }
    let message = Message {
        id: new.id,
        conversation: new.conversation,
        seq: appended.seq,
        prev_public_seq: appended.prev_public_seq,
        author: new.author,
        client_message_id: Some(new.client_message_id),
        kind: new.kind,
        text: new.text,
        created_at: new.now,
    };
    Ok(Sent::Stored { message, first_of_contact: appended.first_of_contact })
}

/// The conversation, kept from other writers; a contact's own is begun where there is none.
async fn lock_or_begin(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    new: &NewMessage,
) -> Result<Option<Conversation>> {
    let found = lock(conn, organization, new.conversation).await?;
    if found.is_some() || new.author.kind != AuthorKind::Contact {
        return Ok(found);
    }
    on!(&mut *conn, |c| query(sql::BEGIN)
        .bind(organization.0)
        .bind(new.conversation.0)
        .bind(status_code(Status::Open))
        .bind(Time(new.now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    // Whoever began it, this transaction or another that ended meanwhile.
    lock(conn, organization, new.conversation).await
}

async fn lock(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    let text = conn.pick(sql::LOCK_SQLITE, sql::LOCK_POSTGRES);
    one(conn, text, organization, id).await
}

async fn get(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    one(conn, sql::GET, organization, id).await
}

async fn one(
    conn: &mut Conn<'_>,
    text: &'static str,
    organization: OrganizationId,
    id: ConversationId,
) -> Result<Option<Conversation>> {
    let row: Option<ConversationRow> = on!(&mut *conn, |c| query_as(text)
        .bind(organization.0)
        .bind(id.0)
        .fetch_optional(&mut **c)
        .await)?;
    row.map(Conversation::try_from).transpose()
}

/// False when the author used the client's id before.
async fn insert(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    new: &NewMessage,
    appended: Appended,
) -> Result<bool> {
    let rows = on!(&mut *conn, |c| query(sql::INSERT)
        .bind(organization.0)
        .bind(new.conversation.0)
        .bind(appended.seq)
        .bind(new.id.0)
        .bind(new.client_message_id)
        .bind(author_code(new.author.kind))
        .bind(new.author.id)
        .bind(kind_code(new.kind))
        .bind(new.text.as_str())
        .bind(appended.prev_public_seq)
        .bind(Time(new.now))
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    Ok(rows == 1)
}

async fn sent_before(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    new: &NewMessage,
) -> Result<Message> {
    let row: MessageRow = on!(&mut *conn, |c| query_as(sql::SENT_BEFORE)
        .bind(organization.0)
        .bind(new.conversation.0)
        .bind(author_code(new.author.kind))
        .bind(new.author.id)
        .bind(new.client_message_id)
        .fetch_one(&mut **c)
        .await)?;
    row.try_into()
}

async fn mark_read(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
    seq: i64,
) -> Result<Option<Marked>> {
    let Some(mut conversation) = lock(conn, organization, id).await? else { return Ok(None) };
    let before = conversation.reader(side).read_seq;
    let Some(seq) = conversation.next_mark(side, seq) else {
        return Ok(Some(Marked { seq: before, moved: false }));
    };
    let others = match side {
        Side::Contact => AuthorKind::Agent,
        Side::Agent => AuthorKind::Contact,
    };
    let passed: i64 = on!(&mut *conn, |c| query_scalar(sql::PASSED)
        .bind(organization.0)
        .bind(id.0)
        .bind(before)
        .bind(seq)
        .bind(author_code(others))
        .bind(kind_code(Kind::Text))
        .fetch_one(&mut **c)
        .await)?;
    conversation.read_to(side, seq, passed);
    on!(&mut *conn, |c| query(sql::MARKED)
        .bind(organization.0)
        .bind(id.0)
        .bind(conversation.contact.read_seq)
        .bind(conversation.contact.unread)
        .bind(conversation.agent.read_seq)
        .bind(conversation.agent.unread)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(Some(Marked { seq, moved: true }))
}

/// A run of messages, ascending; those nearest to the position where not all fit. True when more
/// may lie beyond them.
async fn page(
    conn: &mut Conn<'_>,
    organization: OrganizationId,
    id: ConversationId,
    side: Side,
    position: Position,
    size: PageSize,
) -> Result<(Vec<Message>, bool)> {
    let (text, seq) = match position {
        Position::After(seq) => (sql::AFTER, seq),
        Position::Before(seq) => (sql::BEFORE, seq),
        Position::Newest => (sql::BEFORE, i64::MAX),
    };
    let hidden = if Kind::Note.visible_to(side) { NONE } else { kind_code(Kind::Note) };
    let (mut rows, cut) = on!(&mut *conn, |c| {
        let rows = query_as(text)
            .bind(organization.0)
            .bind(id.0)
            .bind(seq)
            .bind(hidden)
            .bind(size.limit_and_one() - 1)
            .fetch(&mut **c);
        fill(rows, MessageRow::weight).await
    })?;
    if text == sql::BEFORE {
        rows.reverse();
    }
    let more = cut || rows.len() == size.rows();
    Ok((rows.into_iter().map(Message::try_from).collect::<Result<_>>()?, more))
}

/// Takes rows until the page is full, at least one. True when rows were left.
async fn fill<R>(
    rows: impl Stream<Item = sqlx::Result<R>> + Send,
    weight: impl Fn(&R) -> usize,
) -> Result<(Vec<R>, bool)> {
    let mut rows = std::pin::pin!(rows.fuse());
    let mut page = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.try_next().await? {
        bytes += weight(&row);
        if bytes > PAGE_BYTES && !page.is_empty() {
            return Ok((page, true));
        }
        page.push(row);
    }
    Ok((page, false))
}
