//! Reading and writing the contacts of a batch.

use futures::future::join;
use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Json, Result, Sql};
use tokio::task::yield_now;

use super::rows::{self, BatchRow, STATEMENT_ROWS};
use crate::{
    contact::{
        domain::{changes::RowWrite, contact::Contact},
        store::rows::{ContactRow, select_contact},
    },
    import::domain::{
        batch::BatchContacts,
        row::{RowKey, ValidRow},
    },
};

// PostgreSQL looks up each key on its own, even if there were few contacts when the statement was
// planned. Locks are taken in the order of ids, so that two batches can't wait for each other.
macro_rules! contacts_by {
    ($key:literal, $found:literal, $lock:literal, $still:literal) => {
        concat!(
            "SELECT c.* FROM (
               SELECT c.id FROM (SELECT DISTINCT key FROM unnest($2::text[]) AS k(key)) k
               CROSS JOIN LATERAL (
                 SELECT id FROM (
                   SELECT * FROM contacts WHERE organization_id = $1 AND ",
            $key,
            " = k.key",
            $found,
            " ORDER BY c.id) k
             CROSS JOIN LATERAL (",
            select_contact!("id = k.id OFFSET 0"),
            $lock,
            ") c WHERE ",
            $still
        )
    };
}
const BY_USER_ID_SQLITE: &str = select_contact!("user_id IN (SELECT value FROM json_each($2))");
const BY_USER_ID: Sql =
    Sql::dialects(BY_USER_ID_SQLITE, contacts_by!("user_id", " OFFSET 0) f) c", "", "true"));
const LOCKED_BY_USER_ID: Sql = Sql::dialects(
    BY_USER_ID_SQLITE,
    contacts_by!("user_id", " OFFSET 0) f) c", " FOR UPDATE", "true"),
);
// Two of an email are enough to know that it is ambiguous.
const BY_EMAIL_SQLITE: &str = select_contact!(
    "id IN (SELECT id FROM (
        SELECT id, row_number() OVER (PARTITION BY email_key ORDER BY id) AS n FROM contacts
        WHERE organization_id = $1 AND user_id IS NULL AND email_vouched
          AND email_key IN (SELECT value FROM json_each($2))) AS found WHERE n <= 2)"
);
const BY_EMAIL: Sql = Sql::dialects(
    BY_EMAIL_SQLITE,
    contacts_by!(
        "email_key",
        " AND user_id IS NULL AND email_vouched OFFSET 0) f ORDER BY id LIMIT 2) c",
        "",
        "c.user_id IS NULL AND c.email_vouched"
    ),
);
const LOCKED_BY_EMAIL: Sql = Sql::dialects(
    BY_EMAIL_SQLITE,
    contacts_by!(
        "email_key",
        " AND user_id IS NULL AND email_vouched OFFSET 0) f ORDER BY id LIMIT 2) c",
        " FOR UPDATE",
        "c.user_id IS NULL AND c.email_vouched"
    ),
);
// Any page can set any email, so the number of these is limited.
const BY_UNVOUCHED_EMAIL: Sql = Sql::dialects(
    select_contact!(
        "id IN (SELECT id FROM (
            SELECT id, row_number() OVER (PARTITION BY email_key ORDER BY id) AS n FROM contacts
            WHERE organization_id = $1 AND user_id IS NULL AND NOT email_vouched AND listed
              AND email_key IN (SELECT value FROM json_each($2))) AS found WHERE n <= 20)"
    ),
    contacts_by!(
        "email_key",
        " OFFSET 0) f WHERE user_id IS NULL AND NOT email_vouched AND listed ORDER BY id LIMIT 20) c",
        "",
        "true"
    ),
);
// No unique key keeps two batches from each inserting a contact for an email, so they take turns.
const LOCK_EMAILS: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('imported emails ' || $1::text, 0))";

/// Reads the contacts that the rows may change. With `lock` they are locked until the transaction
/// ends.
pub(crate) async fn read(
    conn: &mut Connection,
    organization: OrganizationId,
    rows: impl Iterator<Item = &ValidRow>,
    lock: bool,
) -> Result<BatchContacts> {
    let (mut user_ids, mut emails) = (Vec::new(), Vec::new());
    for row in rows {
        match &row.key {
            RowKey::UserId(user_id) => user_ids.push(user_id.as_str().to_owned()),
            RowKey::Email(email) => emails.push(email.to_lowercase()),
        }
    }
    let mut found = Vec::new();
    if !user_ids.is_empty() {
        let by_user_id = if lock { LOCKED_BY_USER_ID } else { BY_USER_ID };
        found.extend(by_keys(conn, by_user_id, organization, &user_ids).await?);
    }
    if !emails.is_empty() {
        if conn.is_postgres() {
            conn.query(LOCK_EMAILS).bind(organization.0).execute().await?;
        }
        let by_email = if lock { LOCKED_BY_EMAIL } else { BY_EMAIL };
        found.extend(by_keys(conn, by_email, organization, &emails).await?);
        found.extend(by_keys(conn, BY_UNVOUCHED_EMAIL, organization, &emails).await?);
    }
    let contacts: Vec<_> = found.into_iter().map(Contact::try_from).collect::<Result<_>>()?;
    Ok(BatchContacts::new(organization, contacts))
}

async fn by_keys(
    conn: &mut Connection,
    select: Sql,
    organization: OrganizationId,
    keys: &[String],
) -> Result<Vec<ContactRow>> {
    conn.query(select).bind(organization.0).bind_either(|| Json(keys), || keys).all().await
}

/// Writes the new and changed contacts of a batch.
///
/// # Errors
///
/// `Conflict` when another process inserted one first.
pub(crate) async fn write(
    conn: &mut Connection,
    organization: OrganizationId,
    contacts: &BatchContacts,
    now: Timestamp,
) -> Result<()> {
    let new = contacts.with_write(RowWrite::Insert);
    let mut parts = Parts(&new);
    let mut ready = parts.next().await;
    while let Some(part) = ready {
        // The next part is encoded while the database works on this one.
        let (inserted, next) =
            join(rows::insert(conn, organization, &part, now), parts.next()).await;
        if inserted? != part.len() as u64 {
            return Err(Error::Conflict);
        }
        ready = next;
    }
    let changed = contacts.with_write(RowWrite::Update);
    let mut parts = Parts(&changed);
    let mut ready = parts.next().await;
    while let Some(part) = ready {
        let (updated, next) = join(rows::update(conn, organization, &part), parts.next()).await;
        updated?;
        ready = next;
    }
    Ok(())
}

/// Contacts as rows, a statement's worth at a time.
struct Parts<'c>(&'c [&'c Contact]);

impl<'c> Parts<'c> {
    /// Rows that are encoded before the task yields.
    const YIELD_ROWS: usize = 50;

    async fn next(&mut self) -> Option<Vec<BatchRow<'c>>> {
        let (part, rest) = self.0.split_at(self.0.len().min(STATEMENT_ROWS));
        self.0 = rest;
        let mut rows = Vec::with_capacity(part.len());
        for contacts in part.chunks(Self::YIELD_ROWS) {
            rows.extend(contacts.iter().map(|contact| BatchRow::from(*contact)));
            yield_now().await;
        }
        Some(rows).filter(|rows| !rows.is_empty())
    }
}
