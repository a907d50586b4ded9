//! What agents and companies' servers do to people: making, changing, erasing.

use onethread_core::{ContactId, Entropy, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Error, Result, Time, on};
use onethread_errors::Field;
use onethread_outbox::Entry;
use sqlx::query;

use super::{
    ROUNDS, Store, audit,
    contacts::{self, Lock},
    facts, revocations, sql,
};
use crate::domain::{audit::Change, contact::Contact};

/// What conversation is told of somebody who was erased; the payload is the id.
pub(crate) const ERASED: &str = "contact.erased";

/// Who is meant.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    ById(ContactId),
    ByUserId(String),
    /// Somebody who is not there yet.
    New,
}

/// Why nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    NotFound,
    Fields(Vec<Field>),
}

impl Store {
    /// Writes what `edit` makes of somebody, and says whether they are new. It may run twice
    /// when another process was first.
    pub(crate) async fn edit_contact<F>(
        &self,
        of: OrganizationId,
        who: Found,
        now: Timestamp,
        edit: F,
    ) -> Result<std::result::Result<(Contact, bool), Refused>>
    where
        F: Fn(Option<Contact>) -> std::result::Result<Contact, Refused>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        for _ in 0..ROUNDS {
            let (edit, who, entropy) = (edit.clone(), who.clone(), self.entropy.clone());
            let done = self.db.write("contact.edit", move |mut conn| {
                Box::pin(async move {
                    let held = match &who {
                        Found::ById(id) => contacts::by_id(&mut conn, of, *id, Lock::Yes).await?,
                        Found::ByUserId(user_id) => {
                            contacts::by_user_id(&mut conn, of, user_id, Lock::Yes).await?
                        }
                        Found::New => None,
                    };
                    let contact = match edit(held.clone()) {
                        Ok(contact) => contact,
                        Err(refused) => return Ok(Err(refused)),
                    };
                    let Some(held) = held else {
                        let made = contacts::insert(&mut conn, &contact).await?;
                        return if made { Ok(Ok((contact, true))) } else { Err(Error::Conflict) };
                    };
                    if held != contact {
                        contacts::update(&mut conn, &contact).await?;
                        revocations::insert_if_shown(&mut conn, &held, &contact, now, &*entropy)
                            .await?;
                    }
                    if held.blocked != contact.blocked {
                        // Whoever trusts an earlier answer about them asks again.
                        let who = [contact.id.0];
                        revocations::insert(&mut conn, of, &who, now, &*entropy).await?;
                    }
                    Ok(Ok((contact, false)))
                })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
    }

    /// Erases somebody: the row with the claim, events, what webhooks are told, devices' bond, and,
    /// by the outbox, the thread. False when there is nobody.
    pub(crate) async fn erase_contact(
        &self,
        of: OrganizationId,
        id: ContactId,
        change: Change,
        now: Timestamp,
    ) -> Result<bool> {
        for _ in 0..ROUNDS {
            let (entropy, change) = (self.entropy.clone(), change.clone());
            let done = self.db.write("contact.erase", move |mut conn| {
                Box::pin(async move { erase(&mut conn, of, id, &change, now, &*entropy).await })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
    }
}

async fn erase(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: ContactId,
    change: &Change,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<bool> {
    let erased = on!(&mut *conn, |c| query(sql::DELETE_CONTACT)
        .bind(of.0)
        .bind(id.0)
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    if erased == 0 {
        return Ok(false);
    }
    on!(&mut *conn, |c| query(sql::RETIRE_DEVICES)
        .bind(of.0)
        .bind(id.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    on!(&mut *conn, |c| query(sql::BURY_VISITOR)
        .bind(of.0)
        .bind(id.0)
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    facts::forget(conn, of, id).await?;
    revocations::insert(conn, of, &[id.0], now, entropy).await?;
    audit::record(conn, of, change, now, entropy).await?;
    let entry = Entry {
        organization_id: of,
        id: new_uuid(now, entropy),
        topic: ERASED.to_owned(),
        payload: id.0.to_string(),
    };
    onethread_outbox::push(conn, entry, now).await?;
    Ok(true)
}
