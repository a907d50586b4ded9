//! Pages of Contacts, in each order.

use onethread_core::{OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Result, Sql, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::rows::{ContactRow, NEVER, contact_columns};
use crate::{contact::domain::contact::Contact, store::is_storable};

const ATTRIBUTE_KEYS: Sql = Sql::dialects(
    "SELECT DISTINCT a.key FROM contacts c, json_each(c.custom) a
     WHERE c.organization_id = $1 AND c.listed ORDER BY a.key LIMIT $2",
    "SELECT DISTINCT k COLLATE \"C\" FROM contacts c, jsonb_object_keys(c.custom) k
     WHERE c.organization_id = $1 AND c.listed ORDER BY 1 LIMIT $2",
);

/// The texts of a list: for the first page, and for those after a key.
struct ListTexts {
    first: &'static str,
    next: &'static str,
}

macro_rules! list_by {
    ($column:literal, $direction:literal, $beyond:literal) => {
        ListTexts {
            first: concat!(
                "SELECT ",
                contact_columns!(),
                " FROM contacts WHERE organization_id = $1 AND listed
                 ORDER BY ",
                $column,
                " ",
                $direction,
                ", id ",
                $direction,
                " LIMIT $2"
            ),
            next: concat!(
                "SELECT ",
                contact_columns!(),
                " FROM contacts WHERE organization_id = $1 AND listed
                 AND (",
                $column,
                ", id) ",
                $beyond,
                " ($3, $4)
                 ORDER BY ",
                $column,
                " ",
                $direction,
                ", id ",
                $direction,
                " LIMIT $2"
            ),
        }
    };
}

const BY_NAME_ASCENDING: ListTexts = list_by!("sort_name", "ASC", ">");
const BY_NAME_DESCENDING: ListTexts = list_by!("sort_name", "DESC", "<");
const BY_CREATED_ASCENDING: ListTexts = list_by!("created_at", "ASC", ">");
const BY_CREATED_DESCENDING: ListTexts = list_by!("created_at", "DESC", "<");
const BY_SEEN_ASCENDING: ListTexts = list_by!("last_seen_at", "ASC", ">");
const BY_SEEN_DESCENDING: ListTexts = list_by!("last_seen_at", "DESC", "<");

/// The order of a list of Contacts.
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

/// Bytes after which a page ends, so that large rows make it short and not too large for a
/// response.
const MAX_PAGE_BYTES: usize = 1 << 20;

/// A page of Contacts.
#[derive(Debug)]
pub(crate) struct ContactPage {
    pub(crate) contacts: Vec<Contact>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<PageKey>,
}

impl ContactPage {
    /// The page up to its limit of bytes, with at least one contact.
    pub(super) fn within_bytes(mut self, sort: ContactSort) -> Self {
        let mut bytes = 0;
        let is_beyond = |contact: &Contact| {
            bytes += contact.size_bytes();
            bytes > MAX_PAGE_BYTES
        };
        if let Some(count) = self.contacts.iter().position(is_beyond) {
            self.contacts.truncate(count.max(1));
            self.next = self.contacts.last().map(|last| sort.key(last));
        }
        self
    }
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
            Self::Name { descending: false } => BY_NAME_ASCENDING,
            Self::Name { descending: true } => BY_NAME_DESCENDING,
            Self::Created { descending: false } => BY_CREATED_ASCENDING,
            Self::Created { descending: true } => BY_CREATED_DESCENDING,
            Self::Seen { descending: false } => BY_SEEN_ASCENDING,
            Self::Seen { descending: true } => BY_SEEN_DESCENDING,
        }
    }

    /// The contact's key in this order.
    pub(crate) fn key(self, contact: &Contact) -> PageKey {
        match self {
            Self::Name { .. } => PageKey::Name(sort_name(contact), contact.id.0),
            Self::Created { .. } => PageKey::Time(contact.created_at.micros(), contact.id.0),
            Self::Seen { .. } => {
                PageKey::Time(contact.last_seen_at.unwrap_or(NEVER).micros(), contact.id.0)
            }
        }
    }

    /// True when the key belongs to this order.
    pub(crate) fn accepts(self, key: &PageKey) -> bool {
        match key {
            PageKey::Name(name, _) => matches!(self, Self::Name { .. }) && is_storable(name),
            PageKey::Time(..) => !matches!(self, Self::Name { .. }),
        }
    }
}

/// The text that Contacts is sorted by in the order of names.
pub(crate) fn sort_name(contact: &Contact) -> String {
    contact.shown_name().0.to_lowercase()
}

/// A page of Contacts.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    sort: ContactSort,
    after: Option<PageKey>,
    size: PageSize,
) -> Result<ContactPage> {
    let (texts, limit) = (sort.texts(), size.limit_plus_one());
    let text = if after.is_none() { texts.first } else { texts.next };
    let select = conn.query(text).bind(organization.0).bind(limit);
    let select = match after {
        None => select,
        Some(PageKey::Name(name, id)) => select.bind(name).bind(id),
        Some(PageKey::Time(at, id)) => select.bind(Time(Timestamp::from_micros(at))).bind(id),
    };
    let rows: Vec<ContactRow> = select.all().await?;
    let has_more = rows.len() > size.rows();
    let contacts: Vec<_> =
        rows.into_iter().take(size.rows()).map(Contact::try_from).collect::<Result<_>>()?;
    let next = contacts.last().filter(|_| has_more).map(|last| sort.key(last));
    Ok(ContactPage { contacts, next }.within_bytes(sort))
}

/// The keys of the attributes of Contacts, sorted.
pub(crate) async fn attribute_keys(
    conn: &mut Connection,
    organization: OrganizationId,
    limit: i64,
) -> Result<Vec<String>> {
    conn.query(ATTRIBUTE_KEYS).bind(organization.0).bind(limit).scalars().await
}
