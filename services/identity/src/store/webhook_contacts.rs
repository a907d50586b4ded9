//! Contacts as webhooks read them.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::{Connection, Result, Sql};
use uuid::Uuid;

use super::{rows::ContactRow, sql};
use crate::domain::contact::Contact;

const LOCKED_BY_ID: Sql = Sql::dialects(sql::CONTACT_BY_ID, sql::CONTACT_BY_ID_LOCKED);

/// A contact of the organization.
pub(crate) async fn by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ContactId,
) -> Result<Option<Contact>> {
    read(conn, sql::CONTACT_BY_ID.into(), organization, id).await
}

/// A contact of the organization, locked.
pub(crate) async fn locked_by_id(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ContactId,
) -> Result<Option<Contact>> {
    read(conn, LOCKED_BY_ID, organization, id).await
}

async fn read(
    conn: &mut Connection,
    sql: Sql,
    organization: OrganizationId,
    id: ContactId,
) -> Result<Option<Contact>> {
    let row = conn.query(sql).bind(organization.0).bind(id.0).optional::<ContactRow>().await?;
    row.map(Contact::try_from).transpose()
}

/// The contact into which this one was merged.
pub(crate) async fn merged_into(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ContactId,
) -> Result<Option<ContactId>> {
    let query = conn.query(sql::JOINED_INTO).bind(organization.0).bind(id.0);
    Ok(query.optional_scalar::<Uuid>().await?.map(ContactId))
}
