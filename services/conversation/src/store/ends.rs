//! The two ways a conversation ends: its messages go on in another one, or they are forgotten. The
//! row stays as a mark, so that late sends find their way, or nothing.

use onethread_core::{ConversationId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result, Time, on};
use sqlx::{query, query_scalar};
use uuid::Uuid;

use super::{
    FACT, FIRST_MESSAGE, FirstMessage, Folded, NewFold, Store, Told,
    reads::{Place, place},
    rows::{author_code, kind_code, status_code},
    sql, sql_ends as texts,
    sql_store::again,
    writes::{self, begin, lock},
};
use crate::domain::{AuthorKind, Conversation, Kind};

/// What the event says; its author's id is the conversation that the messages come from.
const EVENT: &str = "The messages of an earlier chat follow.";

impl Store {
    /// Appends a thread to another, in one transaction and once for a source.
    pub(crate) async fn fold(&self, organization: OrganizationId, new: NewFold) -> Result<Folded> {
        again(|| {
            self.db.write("conversation.fold", move |mut conn| {
                Box::pin(async move { fold(&mut conn, organization, new).await })
            })
        })
        .await
    }

    /// Forgets a thread for ever. False when it was forgotten, or had gone elsewhere, before.
    pub(crate) async fn erase(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        now: Timestamp,
    ) -> Result<bool> {
        self.tails.forget(organization, id);
        again(|| {
            self.db.write("conversation.erase", move |mut conn| {
                Box::pin(async move { erase(&mut conn, organization, id, now).await })
            })
        })
        .await
    }
}

async fn fold(conn: &mut Conn<'_>, of: OrganizationId, new: NewFold) -> Result<Folded> {
    let NewFold { source, now, .. } = new;
    // An end is for ever, so what is seen of one without a lock stays true.
    let (target, erased) = match place(conn, of, new.target).await? {
        Place::Folded(into) => (into, place(conn, of, into).await? == Place::Erased),
        Place::Erased => (new.target, true),
        Place::Live | Place::Nowhere => (new.target, false),
    };
    let nothing = Folded { into: (!erased).then_some(target), ended: false, last_seq: None };
    if target == source {
        return Ok(nothing);
    }
    if erased {
        // What is written to the source must find the mark, so it gets its row even now.
        if lock_or_begin(conn, of, source, now).await?.is_some() {
            forget(conn, of, source).await?;
            end(conn, of, source, Some(target), now).await?;
            return Ok(Folded { ended: true, ..nothing });
        }
        return Ok(nothing);
    }
    let (from, into) = lock_both(conn, of, source, target).await?;
    if from.is_none() && has_ended(conn, of, source).await? {
        return already(conn, of, source).await;
    }
    if into.is_none() && has_ended(conn, of, target).await? {
        // Since it was looked at.
        return Err(Error::Conflict);
    }
    let is_new = into.is_none();
    let (from, into) = begin_missing(conn, of, (source, from), (target, into), now).await?;
    let last_seq =
        if from.last_seq > 0 { take_in(conn, of, &from, into, &new).await? } else { None };
    end(conn, of, source, Some(target), now).await?;
    if is_new && last_seq.is_none() {
        // Begun only so that no other fold could end it meanwhile.
        leave(conn, of, target).await?;
    }
    Ok(Folded { into: Some(target), ended: true, last_seq })
}

/// Whether a conversation that can't be locked has ended; if not, it was never begun.
async fn has_ended(conn: &mut Conn<'_>, of: OrganizationId, id: ConversationId) -> Result<bool> {
    match place(conn, of, id).await? {
        Place::Nowhere => Ok(false),
        Place::Folded(_) | Place::Erased => Ok(true),
        // Begun between the two looks.
        Place::Live => Err(Error::Conflict),
    }
}

/// A conversation, kept from other writers; begun where there is none. `None` when it has ended.
async fn lock_or_begin(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: ConversationId,
    now: Timestamp,
) -> Result<Option<Conversation>> {
    let found = lock(conn, of, id).await?;
    if found.is_some() || has_ended(conn, of, id).await? {
        return Ok(found);
    }
    begin(conn, of, id, now).await.map(Some)
}

/// Where a conversation went that had ended before.
async fn already(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    source: ConversationId,
) -> Result<Folded> {
    let into = match place(conn, of, source).await? {
        Place::Folded(into) if place(conn, of, into).await? != Place::Erased => Some(into),
        _ => None,
    };
    Ok(Folded { into, ended: false, last_seq: None })
}

/// Both conversations, as far as they are there, kept from other writers, in the order in which
/// batches of sends lock theirs. Rows that aren't there are begun after that, as batches do.
async fn lock_both(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    source: ConversationId,
    target: ConversationId,
) -> Result<(Option<Conversation>, Option<Conversation>)> {
    if source.0 < target.0 {
        let from = lock(conn, of, source).await?;
        Ok((from, lock(conn, of, target).await?))
    } else {
        let into = lock(conn, of, target).await?;
        Ok((lock(conn, of, source).await?, into))
    }
}

/// Begins those of the two that weren't there, in the same order.
async fn begin_missing(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    (source, mut from): (ConversationId, Option<Conversation>),
    (target, mut into): (ConversationId, Option<Conversation>),
    now: Timestamp,
) -> Result<(Conversation, Conversation)> {
    let source_first = source.0 < target.0;
    for is_source in [source_first, !source_first] {
        let (id, place) = if is_source { (source, &mut from) } else { (target, &mut into) };
        if place.is_none() {
            *place = Some(begin(conn, of, id, now).await?);
        }
    }
    from.zip(into).ok_or(Error::Conflict)
}

/// Moves the messages behind those of the target. Answers the last number, where any came.
async fn take_in(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    from: &Conversation,
    into: Conversation,
    new: &NewFold,
) -> Result<Option<i64>> {
    for text in [texts::DROP_REPEATS, texts::DROP_TAKEN_IDS] {
        move_by(conn, text, of, from.id, into.id).await?;
    }
    let base = into.last_seq + 1;
    let mut marks = [(&from.contact, &into.contact, 0), (&from.agent, &into.agent, 0)];
    for (from_reader, into_reader, mark) in &mut marks {
        // Who had read everything in both has read on; else the earlier mark keeps its place.
        let read = count_to(conn, of, from.id, from_reader.read_seq).await?;
        let follows = into_reader.unread == 0 && read > 0;
        *mark = if follows { base + read } else { into_reader.read_seq };
    }
    let [contact_mark, agent_mark] = marks.map(|(_, _, mark)| mark);
    // Where the contact sees nothing of what comes, they see no event either.
    let kind = if from.last_public_seq > 0 { Kind::Mark } else { Kind::Event };
    let event = if kind == Kind::Mark { base } else { into.last_public_seq };
    let moved = on!(&mut *conn, |c| query(texts::COPY)
        .bind(of.0)
        .bind(from.id.0)
        .bind(into.id.0)
        .bind(base)
        .bind(event)
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    let Some(moved) = i64::try_from(moved).ok().filter(|moved| *moved > 0) else {
        return Ok(None);
    };
    on!(&mut *conn, |c| query(texts::FORGET)
        .bind(of.0)
        .bind(from.id.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    tell(conn, of, from, &into, kind, new).await?;
    let last_seq = base + moved;
    let last_public: i64 = on!(&mut *conn, |c| query_scalar(texts::LAST_PUBLIC)
        .bind(of.0)
        .bind(into.id.0)
        .bind(base)
        .bind(event)
        .fetch_one(&mut **c)
        .await)?;
    let agents = AuthorKind::Agent;
    let contact_unread = writes::texts(conn, of, into.id, agents, contact_mark, last_seq).await?;
    let contacts = AuthorKind::Contact;
    let agent_unread = writes::texts(conn, of, into.id, contacts, agent_mark, last_seq).await?;
    on!(&mut *conn, |c| query(texts::TOOK_IN)
        .bind(of.0)
        .bind(into.id.0)
        .bind(status_code(into.status_with(from)))
        .bind(into.assignee.or(from.assignee).map(|id| id.0))
        .bind(last_seq)
        .bind(last_public)
        .bind(contact_mark)
        .bind(contact_unread)
        .bind(agent_mark)
        .bind(agent_unread)
        .bind(into.contact_wrote || from.contact_wrote)
        .bind(Time(new.now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(Some(last_seq))
}

/// Writes the event before the messages that came.
async fn tell(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    from: &Conversation,
    into: &Conversation,
    kind: Kind,
    new: &NewFold,
) -> Result<()> {
    on!(&mut *conn, |c| query(sql::INSERT)
        .bind(of.0)
        .bind(into.id.0)
        .bind(into.last_seq + 1)
        .bind(new.join)
        .bind(None::<Uuid>)
        .bind(author_code(AuthorKind::System))
        .bind(from.id.0)
        .bind(kind_code(kind))
        .bind(EVENT)
        .bind(into.last_public_seq)
        .bind(Time(new.now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

async fn move_by(
    conn: &mut Conn<'_>,
    text: &'static str,
    of: OrganizationId,
    from: ConversationId,
    into: ConversationId,
) -> Result<()> {
    on!(&mut *conn, |c| query(text)
        .bind(of.0)
        .bind(from.0)
        .bind(into.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

async fn count_to(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: ConversationId,
    seq: i64,
) -> Result<i64> {
    Ok(on!(&mut *conn, |c| query_scalar(texts::COUNT_TO)
        .bind(of.0)
        .bind(id.0)
        .bind(seq)
        .fetch_one(&mut **c)
        .await)?)
}

/// Leaves the mark of a conversation, and sends those that went on in it to where it goes on.
async fn end(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: ConversationId,
    into: Option<ConversationId>,
    now: Timestamp,
) -> Result<()> {
    on!(&mut *conn, |c| query(texts::END)
        .bind(of.0)
        .bind(id.0)
        .bind(into.map(|id| id.0))
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    match into {
        Some(into) => move_by(conn, texts::FOLLOW_ON, of, id, into).await,
        None => Ok(()),
    }
}

async fn erase(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: ConversationId,
    now: Timestamp,
) -> Result<bool> {
    if lock_or_begin(conn, of, id, now).await?.is_none() {
        return Ok(false);
    }
    forget(conn, of, id).await?;
    end(conn, of, id, None, now).await?;
    Ok(true)
}

/// Takes back the row of a conversation that this transaction began.
async fn leave(conn: &mut Conn<'_>, of: OrganizationId, id: ConversationId) -> Result<()> {
    on!(&mut *conn, |c| query(texts::LEAVE)
        .bind(of.0)
        .bind(id.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Deletes messages, and the deliveries that would tell of them.
async fn forget(conn: &mut Conn<'_>, of: OrganizationId, id: ConversationId) -> Result<()> {
    on!(&mut *conn, |c| query(texts::FORGET)
        .bind(of.0)
        .bind(id.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    let told = FirstMessage { contact_id: id.0 };
    on!(&mut *conn, |c| query(texts::UNTELL)
        .bind(of.0)
        .bind(FIRST_MESSAGE)
        .bind(serde_json::to_string(&told).expect("an id is JSON"))
        .execute(&mut **c)
        .await
        .map(drop))?;
    on!(&mut *conn, |c| query(texts::UNTELL_FACTS)
        .bind(of.0)
        .bind(FACT)
        .bind(Told::beginning(id.0))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}
