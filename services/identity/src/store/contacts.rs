//! Contacts and visitors.

use onethread_core::{ContactId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Conn, Error, Json, Result, Time, on};
use serde::{Deserialize, Serialize};
use sqlx::{query, query_as};
use uuid::Uuid;

use super::{
    ROUNDS, Store, facts, revocations,
    rows::{ContactRow, DeviceRow, NEVER},
    sql::{self, ListTexts},
    storable,
};
use crate::domain::{contact::Contact, search, session::Device, webhook::Event};

/// What a list of Contacts is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContactSort {
    Name { descending: bool },
    Created { descending: bool },
    Seen { descending: bool },
}

/// The key of the last row of a page.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum PageKey {
    Name(String, Uuid),
    Time(i64, Uuid),
}

/// A page of Contacts.
#[derive(Debug)]
pub(crate) struct ContactPage {
    pub(crate) contacts: Vec<Contact>,
    /// Where to go on, when there is more.
    pub(crate) next: Option<PageKey>,
}

impl ContactSort {
    /// The column, and whether it descends.
    pub(super) fn column(self) -> (&'static str, bool) {
        match self {
            Self::Name { descending } => ("sort_name", descending),
            Self::Created { descending } => ("created_at", descending),
            Self::Seen { descending } => ("last_seen_at", descending),
        }
    }

    fn texts(self) -> ListTexts {
        match self {
            Self::Name { descending: false } => sql::BY_NAME_UP,
            Self::Name { descending: true } => sql::BY_NAME_DOWN,
            Self::Created { descending: false } => sql::BY_CREATED_UP,
            Self::Created { descending: true } => sql::BY_CREATED_DOWN,
            Self::Seen { descending: false } => sql::BY_SEEN_UP,
            Self::Seen { descending: true } => sql::BY_SEEN_DOWN,
        }
    }

    pub(super) fn key(self, contact: &Contact) -> PageKey {
        match self {
            Self::Name { .. } => PageKey::Name(sort_name(contact), contact.id.0),
            Self::Created { .. } => PageKey::Time(contact.created_at.micros(), contact.id.0),
            Self::Seen { .. } => {
                PageKey::Time(contact.last_seen_at.unwrap_or(NEVER).micros(), contact.id.0)
            }
        }
    }

    /// True when the key is one of this sort's.
    pub(crate) fn takes(self, key: &PageKey) -> bool {
        match key {
            PageKey::Name(name, _) => matches!(self, Self::Name { .. }) && storable(name),
            PageKey::Time(..) => !matches!(self, Self::Name { .. }),
        }
    }
}

/// What a contact's name sorts as.
pub(super) fn sort_name(contact: &Contact) -> String {
    contact.shown_name().0.to_lowercase()
}

macro_rules! bind_contact {
    ($query:expr, $contact:expr) => {{
        let contact: &Contact = $contact;
        $query
            .bind(contact.organization_id.0)
            .bind(contact.id.0)
            .bind(&contact.user_id)
            .bind(contact.listed)
            .bind(contact.source.name())
            .bind(&contact.name)
            .bind(&contact.email)
            .bind(contact.email_vouched)
            .bind(&contact.phone)
            .bind(&contact.company)
            .bind(Json(&contact.custom))
            .bind(Json(&contact.tags))
            .bind(contact.claim.as_ref().map(|claim| &claim.hash))
            .bind(contact.claim.as_ref().map(|claim| &claim.key))
            .bind(contact.claim_version)
            .bind(contact.form_at.map(Time))
            .bind(contact.wrote_at.map(Time))
            .bind(contact.blocked)
            .bind(contact.first_seen_at.map(Time))
            .bind(Time(contact.last_seen_at.unwrap_or(NEVER)))
            .bind(contact.sessions)
            .bind(contact.page.as_ref().map(Json))
            .bind(&contact.locale)
            .bind(&contact.time_zone)
            .bind(Time(contact.created_at))
            .bind(contact.verified.name())
            .bind(sort_name(contact))
            .bind(contact.email.as_ref().map(|email| email.to_lowercase()))
            .bind(search::words(contact).join(" "))
            .bind(&contact.platform)
            .bind(&contact.browser)
            .bind(&contact.system)
    }};
}

/// Writes a new row. False when another process was first.
pub(super) async fn insert(conn: &mut Conn<'_>, contact: &Contact) -> Result<bool> {
    let rows = on!(conn, |c| bind_contact!(query(sql::INSERT_CONTACT), contact)
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    if rows == 1 && contact.listed {
        facts::note(conn, contact.organization_id, &[contact.id], Event::Created).await?;
    }
    Ok(rows == 1)
}

/// Writes a row that is there.
pub(super) async fn update(conn: &mut Conn<'_>, contact: &Contact) -> Result<()> {
    let of = contact.organization_id;
    // What changed is looked at where somebody wants to know.
    let before = if facts::wanted(conn, of, &facts::OF_CHANGES).await? {
        by_id(conn, of, contact.id, Lock::No).await?
    } else {
        None
    };
    on!(conn, |c| bind_contact!(query(sql::UPDATE_CONTACT), contact)
        .execute(&mut **c)
        .await
        .map(drop))?;
    match before.and_then(|before| Event::of_change(&before, contact)) {
        Some(event) => facts::note(conn, of, &[contact.id], event).await,
        None => Ok(()),
    }
}

/// Whether a row that is read is kept from other writers until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    No,
    Yes,
}

impl Lock {
    pub(super) fn pick(
        self,
        conn: &Conn<'_>,
        plain: &'static str,
        locked: &'static str,
    ) -> &'static str {
        if self == Self::Yes { conn.pick(plain, locked) } else { plain }
    }
}

pub(super) async fn by_id(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: ContactId,
    lock: Lock,
) -> Result<Option<Contact>> {
    let text = lock.pick(conn, sql::CONTACT_BY_ID, sql::CONTACT_BY_ID_LOCKED);
    let row: Option<ContactRow> =
        on!(conn, |c| query_as(text).bind(of.0).bind(id.0).fetch_optional(&mut **c).await)?;
    row.map(Contact::try_from).transpose()
}

pub(super) async fn by_user_id(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    user_id: &str,
    lock: Lock,
) -> Result<Option<Contact>> {
    let text = lock.pick(conn, sql::CONTACT_BY_USER_ID, sql::CONTACT_BY_USER_ID_LOCKED);
    let row: Option<ContactRow> =
        on!(conn, |c| query_as(text).bind(of.0).bind(user_id).fetch_optional(&mut **c).await)?;
    row.map(Contact::try_from).transpose()
}

impl Store {
    /// One person, with the devices that carry them.
    pub(crate) async fn contact(
        &self,
        of: OrganizationId,
        id: ContactId,
    ) -> Result<Option<(Contact, Vec<Device>)>> {
        self.db
            .read("contact.get", move |mut conn| {
                Box::pin(async move {
                    let Some(contact) = by_id(&mut conn, of, id, Lock::No).await? else {
                        return Ok(None);
                    };
                    let devices: Vec<DeviceRow> =
                        on!(&mut conn, |c| query_as(sql::DEVICES_OF_CONTACT)
                            .bind(of.0)
                            .bind(id.0)
                            .fetch_all(&mut **c)
                            .await)?;
                    Ok(Some((contact, devices.into_iter().map(Device::from).collect())))
                })
            })
            .await
    }

    /// Those of the people that exist.
    pub(crate) async fn contacts(
        &self,
        of: OrganizationId,
        ids: Vec<ContactId>,
    ) -> Result<Vec<Contact>> {
        self.db
            .read("contact.batch", move |mut conn| {
                Box::pin(async move {
                    let mut found = Vec::with_capacity(ids.len());
                    for id in ids {
                        found.extend(by_id(&mut conn, of, id, Lock::No).await?);
                    }
                    Ok(found)
                })
            })
            .await
    }

    /// A page of Contacts.
    pub(crate) async fn list_contacts(
        &self,
        of: OrganizationId,
        sort: ContactSort,
        after: Option<PageKey>,
        size: PageSize,
    ) -> Result<ContactPage> {
        let rows: Vec<ContactRow> = self
            .db
            .read("contact.list", move |mut conn| {
                Box::pin(async move {
                    let (texts, limit) = (sort.texts(), size.limit_and_one());
                    Ok(on!(&mut conn, |c| match after {
                        None => query_as(texts.first).bind(of.0).bind(limit).fetch_all(&mut **c),
                        Some(PageKey::Name(name, id)) => query_as(texts.further)
                            .bind(of.0)
                            .bind(limit)
                            .bind(name)
                            .bind(id)
                            .fetch_all(&mut **c),
                        Some(PageKey::Time(at, id)) => query_as(texts.further)
                            .bind(of.0)
                            .bind(limit)
                            .bind(Time(Timestamp::from_micros(at)))
                            .bind(id)
                            .fetch_all(&mut **c),
                    }
                    .await)?)
                })
            })
            .await?;
        let more = rows.len() > size.rows();
        let contacts: Vec<_> =
            rows.into_iter().take(size.rows()).map(Contact::try_from).collect::<Result<_>>()?;
        let next = contacts.last().filter(|_| more).map(|last| sort.key(last));
        Ok(ContactPage { contacts, next })
    }

    /// Changes a person's row as `change` says, in one transaction. `None` when there is no row
    /// and `change` makes none. It may run twice when another process was first.
    pub(crate) async fn change_contact<F>(
        &self,
        of: OrganizationId,
        id: ContactId,
        now: Timestamp,
        change: F,
    ) -> Result<Option<Contact>>
    where
        F: Fn(Option<Contact>) -> Option<Contact> + Clone + Send + Sync + 'static,
    {
        for _ in 0..ROUNDS {
            let (change, entropy) = (change.clone(), self.entropy.clone());
            let done = self.db.write("contact.change", move |mut conn| {
                Box::pin(async move {
                    let held = by_id(&mut conn, of, id, Lock::Yes).await?;
                    let Some(contact) = change(held.clone()) else { return Ok(None) };
                    match held {
                        None if !insert(&mut conn, &contact).await? => return Err(Error::Conflict),
                        Some(held) if held != contact => {
                            update(&mut conn, &contact).await?;
                            revocations::insert_if_shown(
                                &mut conn, &held, &contact, now, &*entropy,
                            )
                            .await?;
                        }
                        _ => {}
                    }
                    Ok(Some(contact))
                })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
    }
}
