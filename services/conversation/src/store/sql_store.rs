//! The store on `libs/db`.

use std::sync::Arc;

use onethread_core::{ConversationId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Database, Error, Result, Time, on};
use sqlx::query_as;
use uuid::Uuid;

use super::{
    Assigned, Head, History, ListPage, ListQuery, Marked, NewChange, NewMessage, Position, Sent,
    batch::{Kept, send_all, send_plain},
    events::change,
    reads::{fill, get, page, read_as},
    rows::{HeadRow, MessageRow, NONE, SummaryRow, status_code},
    sql,
    tails::{Key, Tail, Tails},
    writes::mark_read,
};
use crate::domain::{Message, Side, Status, Summary};

/// Later than any time that a row has.
const END_OF_TIME: Timestamp = Timestamp::from_micros(253_402_300_799_999_999);

/// Conversations and messages in the service's database. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) db: Database,
    pub(super) tails: Tails,
}

/// How often a write that another process outran is tried again.
const ROUNDS: usize = 16;

/// Writes again where another process was first: a new look sees what it stored or began.
pub(super) async fn again<T, F: Future<Output = Result<T>>>(write: impl Fn() -> F) -> Result<T> {
    for _ in 0..ROUNDS {
        match write().await {
            Err(error) if matches!(error, Error::Conflict) || error.is_unique_violation() => {}
            settled => return settled,
        }
    }
    Err(Error::Conflict)
}

impl Store {
    /// On a migrated database.
    pub(crate) fn new(db: Database) -> Self {
        Self { db, tails: Tails::default() }
    }

    /// Stores each message under the next number of its conversation, once for its author and the
    /// client's id, and in as few transactions as go: mostly one. Those of a conversation go in the
    /// order given, but for such as call it by the name of one that was folded into it. A contact's
    /// first message begins the conversation and writes the delivery that tells of it. A message
    /// that the database will not take fails alone, and one whose conversation somebody else keeps
    /// for long waits alone: it is [`Sent::Kept`].
    pub(crate) async fn send_all(&self, sends: Arc<[NewMessage]>) -> Vec<Result<Sent>> {
        let (plain, kept) = match self.send_plain(sends.clone()).await {
            Ok(plain) => (plain, Kept::Wait),
            Err(Error::Locked) => (Vec::new(), Kept::Leave),
            // What went wrong, if it was more than that one of them is no plain one, the others show.
            Err(_) => (Vec::new(), Kept::Wait),
        };
        let mut answers: Vec<_> = sends.iter().map(|_| None).collect();
        for (at, sent) in plain {
            answers[at] = Some(Ok(sent));
        }
        let left = sends.iter().zip(&answers).filter(|(_, answer)| answer.is_none());
        let left: Arc<[_]> = left.map(|(new, _)| new.clone()).collect();
        let mut sent = self.send_others(left, kept).await.into_iter();
        answers.into_iter().filter_map(|answer| answer.or_else(|| sent.next())).collect()
    }

    /// Answers those that were stored, each with its place.
    async fn send_plain(&self, sends: Arc<[NewMessage]>) -> Result<Vec<(usize, Sent)>> {
        self.db
            .write_at_once("conversation.send_plain", move |mut conn| {
                Box::pin(async move { send_plain(&mut conn, &sends).await })
            })
            .await
    }

    async fn send_others(&self, sends: Arc<[NewMessage]>, kept: Kept) -> Vec<Result<Sent>> {
        if sends.is_empty() {
            return Vec::new();
        }
        let mut sent = self.send_together(sends.clone(), kept).await;
        if matches!(sent, Err(Error::Locked)) && kept == Kept::Wait {
            sent = self.send_together(sends.clone(), Kept::Leave).await;
        }
        match sent {
            Ok(sent) => sent.into_iter().map(Ok).collect(),
            Err(Error::Locked) if sends.len() == 1 => vec![Ok(Sent::Kept)],
            Err(error) if sends.len() == 1 => vec![Err(error)],
            // The next try is everybody's own.
            Err(error) if error.is_passing() && !matches!(error, Error::Locked) => {
                let error = Arc::new(error);
                sends.iter().map(|_| Err(Error::Together(error.clone()))).collect()
            }
            Err(_) => {
                let mut sent = Vec::with_capacity(sends.len());
                for new in &*sends {
                    sent.push(self.send_alone(new).await);
                }
                sent
            }
        }
    }

    async fn send_alone(&self, new: &NewMessage) -> Result<Sent> {
        match self.send_together([new.clone()].into(), Kept::Leave).await {
            Ok(mut sent) => Ok(sent.swap_remove(0)),
            // Somebody begins it and has not ended.
            Err(Error::Locked) => Ok(Sent::Kept),
            Err(error) => Err(error),
        }
    }

    async fn send_together(&self, sends: Arc<[NewMessage]>, kept: Kept) -> Result<Vec<Sent>> {
        again(|| {
            let sends = sends.clone();
            self.db.write_batch("conversation.send", move |mut conn| {
                Box::pin(async move { send_all(&mut conn, &sends, kept).await })
            })
        })
        .await
    }

    /// Changes where a conversation stands, and stores an event for each thing that changed.
    /// Answers the events' numbers; `None` for no such conversation.
    pub(crate) async fn change(
        &self,
        organization: OrganizationId,
        new: NewChange,
    ) -> Result<Option<Vec<i64>>> {
        self.db
            .write("conversation.change", move |mut conn| {
                Box::pin(async move { change(&mut conn, organization, new).await })
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
        let key = Key { organization, conversation: id, side, rows: size.rows() };
        let kept = (position == Position::Newest).then(|| self.tails.get(&key)).flatten();
        let history = self
            .db
            .read("conversation.history", move |mut conn| {
                Box::pin(async move {
                    if let Some(tail) = kept {
                        let conversation = get(&mut conn, organization, id).await?;
                        let same = conversation.filter(|now| now.last_seq(side) == tail.last_seq);
                        if let Some(conversation) = same {
                            return Ok(Some(History { messages: tail.messages, conversation }));
                        }
                    }
                    // In this order, or the run could end behind the last number told with it.
                    let (mut messages, _) =
                        page(&mut conn, organization, id, side, position, size).await?;
                    let conversation = read_as(&mut conn, organization, id, side).await?;
                    let Some(mut conversation) = conversation else { return Ok(None) };
                    if conversation.id != id {
                        let id = conversation.id;
                        (messages, _) =
                            page(&mut conn, organization, id, side, position, size).await?;
                        match get(&mut conn, organization, id).await? {
                            Some(after) => conversation = after,
                            None => return Ok(None),
                        }
                    }
                    Ok(Some(History { messages: messages.into(), conversation }))
                })
            })
            .await?;
        if let Some(found) = history.as_ref().filter(|found| found.conversation.id == id)
            && position == Position::Newest
        {
            let last_seq = found.conversation.last_seq(side);
            // Another message may have come between the two looks.
            if found.messages.last().is_some_and(|last| last.seq == last_seq) {
                self.tails.keep(key, Tail { last_seq, messages: found.messages.clone() });
            }
        }
        Ok(history)
    }

    /// Messages right after a number as agents see them, ascending, and whether more may follow.
    pub(crate) async fn messages_after(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        seq: i64,
        size: PageSize,
    ) -> Result<(Vec<Message>, bool)> {
        self.db
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
        self.db
            .read("conversation.get", move |mut conn| {
                Box::pin(async move {
                    let Some(conversation) = read_as(&mut conn, organization, id, side).await?
                    else {
                        return Ok(None);
                    };
                    let last: Option<MessageRow> = on!(&mut conn, |c| query_as(sql::ONE)
                        .bind(organization.0)
                        .bind(conversation.id.0)
                        .bind(conversation.last_seq(side))
                        .fetch_optional(&mut **c)
                        .await)?;
                    let last_message = last.map(Message::try_from).transpose()?;
                    Ok(Some(Summary { conversation, last_message }))
                })
            })
            .await
    }

    /// Conversations as agents see them, newest activity first.
    pub(crate) async fn list(
        &self,
        organization: OrganizationId,
        wanted: ListQuery,
    ) -> Result<ListPage> {
        let (time, id) = wanted.behind.map_or((END_OF_TIME, Uuid::max()), |(at, id)| (at, id.0));
        let statuses = match wanted.status {
            Some(status) => (status_code(status), NONE),
            None => (status_code(Status::Open), status_code(Status::Closed)),
        };
        let since = wanted.since.unwrap_or(END_OF_TIME);
        let (text, agent) = match wanted.assigned {
            Assigned::Any => (sql::LIST, None),
            Assigned::ToNobody => (sql::LIST_UNASSIGNED, None),
            Assigned::To(agent) => (sql::LIST_ASSIGNED, Some(agent.0)),
        };
        let (mut rows, cut) = self
            .db
            .read("conversation.list", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| {
                        let query = query_as(text)
                            .bind(organization.0)
                            .bind(Time(time))
                            .bind(id)
                            .bind(wanted.size.limit_and_one())
                            .bind(statuses.0)
                            .bind(statuses.1)
                            .bind(Time(since));
                        let query = match agent {
                            Some(agent) => query.bind(agent),
                            None => query,
                        };
                        fill(query.fetch(&mut **c), |row: &SummaryRow| row.message.weight()).await
                    })
                })
            })
            .await?;
        let more = cut || rows.len() > wanted.size.rows();
        rows.truncate(wanted.size.rows());
        let last = rows.last().filter(|_| more);
        let next = last.map(|last| (last.stood_at.0, last.conversation.id()));
        let summaries = rows.into_iter().map(|row| {
            Ok(Summary {
                conversation: row.conversation.try_into()?,
                last_message: Some(row.message.try_into()?),
            })
        });
        Ok(ListPage { summaries: summaries.collect::<Result<_>>()?, next })
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
        self.db
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
            .db
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
