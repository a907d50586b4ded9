//! Rows of contacts and visitors.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::{Connection, Error, Json, Result, Sql, Statement, Time};

use super::{
    list::sort_name,
    rows::{ContactRow, NEVER, contact_columns, select_contact},
};
use crate::contact::domain::{contact::Contact, search::words};

// Only PostgreSQL locks rows. SQLite has one writer at a time.
const BY_ID: &str = select_contact!("id = $2");
const LOCKED_BY_ID: Sql = Sql::dialects(BY_ID, select_contact!("id = $2 FOR UPDATE"));
const BY_USER_ID: &str = select_contact!("user_id = $2");
const LOCKED_BY_USER_ID: Sql =
    Sql::dialects(BY_USER_ID, select_contact!("user_id = $2 FOR UPDATE"));
// A row that another process inserted first makes it insert nothing.
const INSERT: &str = concat!(
    "INSERT INTO contacts (",
    contact_columns!(),
    ", sort_name, email_key, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
     $15, $16, $17, $18, $19, $20, $21, $22, $30, $31, $32, $23, $24, $25, $26, $27, $28, $29)
     ON CONFLICT DO NOTHING"
);
const UPDATE: &str =
    "UPDATE contacts SET user_id = $3, listed = $4, source = $5, name = $6, email = $7,
       email_vouched = $8, phone = $9, company = $10, custom = $11, tags = $12, claim_hash = $13,
       claim_key = $14, claim_version = $15, form_at = $16, wrote_at = $17, blocked = $18,
       first_seen_at = $19, last_seen_at = $20, sessions = $21, page = $22, locale = $23,
       time_zone = $24, created_at = $25, verified = $26, sort_name = $27, email_key = $28,
       words = $29, platform = $30, browser = $31, system = $32
     WHERE organization_id = $1 AND id = $2";
const DELETE: &str = "DELETE FROM contacts WHERE organization_id = $1 AND id = $2";
// Events are deleted first: that waits for a worker that turns one into a delivery, so that the
// delivery is deleted, too.
const DELETE_WEBHOOK_ROWS: [&str; 2] = [
    "DELETE FROM webhook_facts WHERE organization_id = $1 AND contact_id = $2",
    "DELETE FROM webhook_deliveries WHERE organization_id = $1 AND contact_id = $2",
];

/// The contact of this id.
pub(crate) async fn by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ContactId,
) -> Result<Option<Contact>> {
    one(conn.query(BY_ID).bind(organization.0).bind(id.0)).await
}

/// The same row, locked until the transaction ends.
pub(crate) async fn locked_by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ContactId,
) -> Result<Option<Contact>> {
    one(conn.query(LOCKED_BY_ID).bind(organization.0).bind(id.0)).await
}

/// The contact with this user id.
pub(crate) async fn locked_by_user_id(
    conn: &mut Connection,
    organization: OrganizationId,
    user_id: &str,
) -> Result<Option<Contact>> {
    one(conn.query(LOCKED_BY_USER_ID).bind(organization.0).bind(user_id)).await
}

async fn one(select: Statement<'_>) -> Result<Option<Contact>> {
    let row: Option<ContactRow> = select.optional().await?;
    row.map(Contact::try_from).transpose()
}

/// Inserts a row.
///
/// # Errors
///
/// `Conflict` when another process inserted it first.
pub(crate) async fn insert(conn: &mut Connection, contact: &Contact) -> Result<()> {
    let inserted = bind(conn.query(INSERT), contact).execute().await?;
    if inserted == 1 { Ok(()) } else { Err(Error::Conflict) }
}

/// Updates a row.
pub(crate) async fn update(conn: &mut Connection, contact: &Contact) -> Result<()> {
    bind(conn.query(UPDATE), contact).execute().await?;
    Ok(())
}

/// Deletes a row. False when there is none.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ContactId,
) -> Result<bool> {
    Ok(conn.query(DELETE).bind(organization.0).bind(id.0).execute().await? == 1)
}

/// Deletes what webhooks were notified of, or will be, about a contact.
pub(crate) async fn delete_webhook_rows(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ContactId,
) -> Result<()> {
    for text in DELETE_WEBHOOK_ROWS {
        conn.query(text).bind(organization.0).bind(id.0).execute().await?;
    }
    Ok(())
}

fn bind<'c>(statement: Statement<'c>, contact: &Contact) -> Statement<'c> {
    statement
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
        .bind(words::of_contact(contact).join(" "))
        .bind(&contact.platform)
        .bind(&contact.browser)
        .bind(&contact.system)
}
