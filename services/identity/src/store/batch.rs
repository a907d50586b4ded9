//! The contacts that a batch of imported rows is about: read once, changed in memory, written once.

use std::collections::HashMap;

use futures::future::join;
use onethread_core::{ContactId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Json, Result};
use sqlx::{query, query_as};
use tokio::task::yield_now;
use uuid::Uuid;

use super::{
    batch_rows::{self, BatchRow, PART},
    facts,
    rows::ContactRow,
    sql,
};
use crate::domain::{
    contact::Contact,
    import::{CheckedRow, RowChange, RowKey, RowOutcome, decide},
    keys::ServerKeys,
    webhook::Event,
};

/// What is to be written of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    Nothing,
    Update,
    Insert,
}

/// Contacts whose user id is claimed from now on.
#[derive(Debug, Clone, Default)]
pub(super) struct Claimed {
    pub(super) all: Vec<Uuid>,
    /// Those among them who were known before, and may have sessions.
    pub(super) known: Vec<Uuid>,
}

/// The contacts of a batch.
#[derive(Debug)]
pub(super) struct Held {
    of: OrganizationId,
    contacts: Vec<(Box<Contact>, Write)>,
    by_user_id: HashMap<String, usize>,
    /// Those without a user id whose e-mail was vouched for, by the e-mail in lower case: two of an
    /// e-mail at most, which is enough to know that there are several.
    by_email: HashMap<String, Vec<usize>>,
    /// Those without a user id whose e-mail a page said, by the e-mail in lower case. No row is
    /// about them, except one that says exactly what they are.
    said: HashMap<String, Vec<usize>>,
    claimed: Claimed,
    /// Those known before of whom webhooks are told that they changed.
    told: Vec<ContactId>,
}

impl Held {
    /// Reads those that the rows may be about; `locked` keeps other writers from them.
    pub(super) async fn load(
        conn: &mut Conn<'_>,
        of: OrganizationId,
        rows: impl Iterator<Item = &CheckedRow>,
        locked: bool,
    ) -> Result<Self> {
        let (mut user_ids, mut emails) = (Vec::new(), Vec::new());
        for row in rows {
            match &row.key {
                RowKey::UserId(user_id) => user_ids.push(user_id.as_str()),
                RowKey::Email(email) => emails.push(email.to_lowercase()),
            }
        }
        let mut held = Self {
            of,
            contacts: Vec::new(),
            by_user_id: HashMap::new(),
            by_email: HashMap::new(),
            said: HashMap::new(),
            claimed: Claimed::default(),
            told: Vec::new(),
        };
        if !user_ids.is_empty() {
            let locks = [sql::CONTACTS_BY_USER_ID_POSTGRES, sql::CONTACTS_BY_USER_ID_LOCKED];
            let postgres = locks[usize::from(locked)];
            held.read(conn, sql::CONTACTS_BY_USER_ID_SQLITE, postgres, &user_ids).await?;
        }
        if !emails.is_empty() {
            if let Conn::Postgres(c) = &mut *conn {
                query(sql::LOCK_EMAILS).bind(of.0).execute(&mut **c).await?;
            }
            let locks = [sql::VOUCHED_BY_EMAILS_POSTGRES, sql::VOUCHED_BY_EMAILS_LOCKED];
            let postgres = locks[usize::from(locked)];
            let emails: Vec<_> = emails.iter().map(String::as_str).collect();
            held.read(conn, sql::VOUCHED_BY_EMAILS_SQLITE, postgres, &emails).await?;
            let (sqlite, postgres) = (sql::SAID_BY_EMAILS_SQLITE, sql::SAID_BY_EMAILS_POSTGRES);
            held.read(conn, sqlite, postgres, &emails).await?;
        }
        Ok(held)
    }

    async fn read(
        &mut self,
        conn: &mut Conn<'_>,
        sqlite: &'static str,
        postgres: &'static str,
        keys: &[&str],
    ) -> Result<()> {
        let of = self.of.0;
        let rows: Vec<ContactRow> = match conn {
            Conn::Sqlite(c) => {
                query_as(sqlite).bind(of).bind(Json(keys)).fetch_all(&mut **c).await?
            }
            Conn::Postgres(c) => query_as(postgres).bind(of).bind(keys).fetch_all(&mut **c).await?,
        };
        for row in rows {
            self.add(Box::new(Contact::try_from(row)?), Write::Nothing);
        }
        Ok(())
    }

    /// True when somebody who was known before is to change.
    pub(super) fn changes(&self) -> bool {
        self.contacts.iter().any(|(_, write)| *write == Write::Update)
    }

    fn add(&mut self, contact: Box<Contact>, write: Write) {
        let index = self.contacts.len();
        if let Some(user_id) = &contact.user_id {
            self.by_user_id.insert(user_id.clone(), index);
        } else if let Some(email) = &contact.email {
            let found = if contact.email_vouched { &mut self.by_email } else { &mut self.said };
            found.entry(email.to_lowercase()).or_default().push(index);
        }
        self.contacts.push((contact, write));
    }

    /// Takes a row in, behind those before it.
    pub(super) fn take(
        &mut self,
        row: &CheckedRow,
        new_id: ContactId,
        keys: &ServerKeys,
        now: Timestamp,
    ) -> RowOutcome {
        let found: Vec<usize> = match &row.key {
            RowKey::UserId(id) => self.by_user_id.get(id.as_str()).copied().into_iter().collect(),
            RowKey::Email(email) => {
                let email = email.to_lowercase();
                let mut said = self.said.get(&email).into_iter().flatten();
                if said.any(|&index| row.says_all_of(&self.contacts[index].0)) {
                    return RowOutcome::Unchanged;
                }
                self.by_email.get(&email).cloned().unwrap_or_default()
            }
        };
        let matches: Vec<_> = found.iter().map(|&index| &*self.contacts[index].0).collect();
        match decide(row, &matches, self.of, new_id, keys, now) {
            RowChange::Create(contact) => {
                if contact.claim.is_some() {
                    self.claimed.all.push(contact.id.0);
                }
                self.add(contact, Write::Insert);
                RowOutcome::Created
            }
            RowChange::Update { contact, claimed } => {
                let (held, write) = &mut self.contacts[found[0]];
                if *write == Write::Nothing {
                    *write = Write::Update;
                }
                let event = Event::of_change(held, &contact);
                if *write == Write::Update && event == Some(Event::Updated) {
                    self.told.push(contact.id);
                }
                if claimed {
                    self.claimed.all.push(contact.id.0);
                    self.claimed.known.push(contact.id.0);
                }
                // Neither the user id nor the e-mail that it is found by is another one now.
                *held = contact;
                RowOutcome::Updated
            }
            RowChange::Settled(outcome) => outcome,
        }
    }

    /// Those whose user id the rows claimed.
    pub(super) fn claimed(&self) -> Claimed {
        self.claimed.clone()
    }

    fn contacts(&self, wanted: Write) -> Vec<&Contact> {
        let contacts = self.contacts.iter().filter(|(_, write)| *write == wanted);
        contacts.map(|(contact, _)| &**contact).collect()
    }

    /// Writes what is new or has changed. A conflict when another process was first.
    pub(super) async fn store(&self, conn: &mut Conn<'_>, now: Timestamp) -> Result<()> {
        let new = self.contacts(Write::Insert);
        let mut parts = Parts::of(&new);
        let mut ready = parts.next().await;
        while let Some(part) = ready {
            // The database is at one part while the next is made ready.
            let (inserted, next) =
                join(batch_rows::insert(conn, self.of, &part, now), parts.next()).await;
            if inserted? != part.len() as u64 {
                return Err(Error::Conflict);
            }
            ready = next;
        }
        let changed = self.contacts(Write::Update);
        let mut parts = Parts::of(&changed);
        let mut ready = parts.next().await;
        while let Some(part) = ready {
            let (updated, next) =
                join(batch_rows::update(conn, self.of, &part), parts.next()).await;
            updated?;
            ready = next;
        }
        let new: Vec<_> = new.iter().map(|contact| contact.id).collect();
        facts::note(conn, self.of, &new, Event::Created).await?;
        facts::note(conn, self.of, &self.told, Event::Updated).await
    }
}

/// Contacts as rows, a statement's worth at a time.
struct Parts<'c>(&'c [&'c Contact]);

impl<'c> Parts<'c> {
    /// Rows that are made before others have their turn.
    const STRETCH: usize = 50;

    fn of(contacts: &'c [&'c Contact]) -> Self {
        Self(contacts)
    }

    async fn next(&mut self) -> Option<Vec<BatchRow<'c>>> {
        let (part, rest) = self.0.split_at(self.0.len().min(PART));
        self.0 = rest;
        let mut rows = Vec::with_capacity(part.len());
        for stretch in part.chunks(Self::STRETCH) {
            rows.extend(stretch.iter().map(|contact| BatchRow::from(*contact)));
            yield_now().await;
        }
        Some(rows).filter(|rows| !rows.is_empty())
    }
}
