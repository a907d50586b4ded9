//! Two rows become one: in a login that knows a visitor again, or by hand.

use std::time::Duration;

use onethread_core::{ContactId, Entropy, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Error, Result, Time, on};
use onethread_outbox::{Entry, Wake};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_scalar};
use uuid::Uuid;

use super::{
    ROUNDS, Store, audit,
    contacts::{self, Lock},
    events, facts, revocations, sql,
};
use crate::domain::{
    audit::Change,
    contact::Contact,
    join::{TwoUserIds, joined},
    webhook::Event,
};

/// What conversation is told of a joining, whose id is the delivery's; the payload is a [`Fold`].
pub(crate) const JOINED: &str = "contact.joined";

/// The thread of the one goes on in the other's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fold {
    pub(crate) source_id: Uuid,
    pub(crate) target_id: Uuid,
}

/// A joining.
#[derive(Debug, Clone, Copy)]
pub(super) struct Join {
    pub(super) id: Uuid,
    /// Whose row goes.
    pub(super) ended: ContactId,
    /// Who goes on.
    pub(super) into: ContactId,
    pub(super) now: Timestamp,
}

/// Why two are not joined by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unjoined {
    /// One of them is not there.
    NotFound,
    TwoUserIds,
}

impl From<TwoUserIds> for Unjoined {
    fn from(_: TwoUserIds) -> Self {
        Self::TwoUserIds
    }
}

/// Ends one for the other, whose row has taken in the profile already: events and devices move, an
/// earlier joining leads on, webhooks and, by the outbox, conversation are told. Both rows are
/// kept from other writers.
pub(super) async fn join(conn: &mut Conn<'_>, of: OrganizationId, join: &Join) -> Result<()> {
    let Join { id, ended, into, now } = *join;
    for text in [sql::MOVE_EVENTS, sql::MOVE_DEVICES, sql::LEAD_ON] {
        on!(&mut *conn, |c| query(text)
            .bind(of.0)
            .bind(ended.0)
            .bind(into.0)
            .execute(&mut **c)
            .await
            .map(drop))?;
    }
    events::trim(conn, of, into).await?;
    on!(&mut *conn, |c| query(sql::DELETE_CONTACT)
        .bind(of.0)
        .bind(ended.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    on!(&mut *conn, |c| query(sql::INSERT_JOIN)
        .bind(of.0)
        .bind(ended.0)
        .bind(into.0)
        .bind(id)
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    facts::note(conn, of, &[ended], Event::Joined).await?;
    let fold = Fold { source_id: ended.0, target_id: into.0 };
    let entry = Entry {
        organization_id: of,
        id,
        topic: JOINED.to_owned(),
        payload: serde_json::to_string(&fold).expect("ids are JSON"),
    };
    onethread_outbox::push(conn, entry, now).await
}

/// Leaves the mark by which no token of a visitor opens anything any more.
pub(super) async fn bury(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    visitor: ContactId,
    now: Timestamp,
) -> Result<()> {
    on!(conn, |c| query(sql::BURY_VISITOR)
        .bind(of.0)
        .bind(visitor.0)
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// Who somebody has become, where they have.
pub(super) async fn into(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    ended: ContactId,
) -> Result<Option<ContactId>> {
    let into: Option<Uuid> = on!(conn, |c| query_scalar(sql::JOINED_INTO)
        .bind(of.0)
        .bind(ended.0)
        .fetch_optional(&mut **c)
        .await)?;
    Ok(into.map(ContactId))
}

/// Both, and who they are together.
async fn both(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    (ended, into): (ContactId, ContactId),
    lock: Lock,
) -> Result<std::result::Result<(Contact, Contact, Contact), Unjoined>> {
    // In the order of a login: first who goes on.
    let into = contacts::by_id(conn, of, into, lock).await?;
    let ended = contacts::by_id(conn, of, ended, lock).await?;
    let (Some(into), Some(ended)) = (into, ended) else { return Ok(Err(Unjoined::NotFound)) };
    Ok(joined(&into, &ended).map(|one| (ended, into, one)).map_err(Unjoined::from))
}

impl Store {
    /// Who somebody has become, where they have.
    pub(crate) async fn joined_into(
        &self,
        of: OrganizationId,
        ended: ContactId,
    ) -> Result<Option<ContactId>> {
        let read = self.db.read("join.into", move |mut conn| {
            Box::pin(async move { into(&mut conn, of, ended).await })
        });
        read.await
    }

    /// Joins two by hand; the second goes on. Answers the delivery that tells conversation.
    pub(crate) async fn merge(
        &self,
        of: OrganizationId,
        ids: (ContactId, ContactId),
        change: Change,
        now: Timestamp,
    ) -> Result<std::result::Result<Uuid, Unjoined>> {
        for _ in 0..ROUNDS {
            let (entropy, change) = (self.entropy.clone(), change.clone());
            let done = self.db.write("contact.merge", move |mut conn| {
                Box::pin(async move { merge(&mut conn, of, ids, &change, now, &*entropy).await })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
    }

    /// The one whom two would be. Writes nothing.
    pub(crate) async fn merged(
        &self,
        of: OrganizationId,
        ids: (ContactId, ContactId),
    ) -> Result<std::result::Result<Contact, Unjoined>> {
        let read = self.db.read("contact.merged", move |mut conn| {
            Box::pin(async move {
                let both = both(&mut conn, of, ids, Lock::No).await?;
                Ok(both.map(|(_, _, one)| one))
            })
        });
        read.await
    }

    /// Waits until a delivery is acknowledged, at most for so long.
    pub(crate) async fn delivered(
        &self,
        of: OrganizationId,
        delivery: Uuid,
        wake: &Wake,
        patience: Duration,
    ) -> Result<bool> {
        wake.delivered(&self.db, of, delivery, patience).await
    }
}

async fn merge(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    ids: (ContactId, ContactId),
    change: &Change,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<std::result::Result<Uuid, Unjoined>> {
    let (ended, into, one) = match both(conn, of, ids, Lock::Yes).await? {
        Ok(both) => both,
        Err(unjoined) => return Ok(Err(unjoined)),
    };
    let id = new_uuid(now, entropy);
    join(conn, of, &Join { id, ended: ended.id, into: into.id, now }).await?;
    bury(conn, of, ended.id, now).await?;
    // After the other's row, which may have had the user id.
    contacts::update(conn, &one).await?;
    let mut over = vec![ended.id.0];
    if into.is_visitor() != one.is_visitor() || into.blocked != one.blocked {
        over.push(into.id.0);
    }
    revocations::insert(conn, of, &over, now, entropy).await?;
    audit::record(conn, of, change, now, entropy).await?;
    Ok(Ok(id))
}
