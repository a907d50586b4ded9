//! What webhooks are told of conversations: which facts conversation has to tell of, and those it
//! told.

use onethread_core::{Entropy, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Result, on};
use onethread_outbox::Entry;
use serde::{Deserialize, Serialize};
use sqlx::{query_as, query_scalar};

use super::{
    Store,
    contacts::{self, Lock},
    facts, joins, sql_webhooks as sql,
};
use crate::domain::{
    fact::Fact,
    webhook::{Event, bits},
    webhook_body::fact_body,
};

/// Topic of the outbox row of an [`Interest`], which is its payload as JSON.
pub(crate) const INTEREST: &str = "interest";

/// Which facts of an organization conversation has to tell of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interest {
    /// Bits of the events.
    pub(crate) events: i64,
    /// Counts the changes.
    pub(crate) version: i64,
}

/// What is wanted of an organization before a change of its webhooks.
pub(super) async fn interest(conn: &mut Conn<'_>, of: OrganizationId) -> Result<Interest> {
    let (events, version): (i64, i64) =
        on!(conn, |c| query_as(sql::INTEREST).bind(of.0).fetch_one(&mut **c).await)?;
    Ok(Interest { events, version })
}

/// Has conversation told what is wanted from now on, where that is something else than before.
pub(super) async fn tell_interest(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    before: &Interest,
    wanted: i64,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<()> {
    let ours = bits(&Event::OF_CONVERSATIONS);
    if (before.events ^ wanted) & ours == 0 {
        return Ok(());
    }
    let interest = Interest { events: wanted & ours, version: before.version };
    let entry = Entry {
        organization_id: of,
        id: new_uuid(now, entropy),
        topic: INTEREST.to_owned(),
        payload: serde_json::to_string(&interest).expect("numbers are JSON"),
    };
    onethread_outbox::push(conn, entry, now).await
}

impl Store {
    /// True once conversation knows what is wanted of an organization.
    pub(crate) async fn interest_is_told(&self, of: OrganizationId) -> Result<bool> {
        let waiting: Option<i32> = self
            .db
            .read("webhook.interest", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::INTEREST_WAITS)
                        .bind(of.0)
                        .bind(INTEREST)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(waiting.is_none())
    }

    /// Writes a fact down for every webhook that wants it; once for its id. Of somebody who has become
    /// another contact it is told as the other's, of a contact who is gone not at all. `agent` is the name of the agent who did it.
    pub(crate) async fn tell_fact(
        &self,
        of: OrganizationId,
        fact: Fact,
        agent: Option<String>,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .write("webhook.fact", move |mut conn| {
                Box::pin(async move {
                    let conn = &mut conn;
                    let event = fact.event();
                    if !facts::wanted(conn, of, &[event]).await? {
                        return Ok(());
                    }
                    // Whoever erases the contact waits, and then takes the delivery away as well.
                    let mut found = contacts::by_id(conn, of, fact.contact, Lock::Yes).await?;
                    if found.is_none()
                        && let Some(into) = joins::into(conn, of, fact.contact).await?
                    {
                        found = contacts::by_id(conn, of, into, Lock::Yes).await?;
                    }
                    let Some(contact) = found else { return Ok(()) };
                    let body = fact_body(&fact, &contact, agent.as_deref());
                    facts::enqueue(conn, of, fact.id, event, contact.id, &body, now).await
                })
            })
            .await
    }
}
