//! What an import writes of contacts, many of them with one statement: as one JSON text on SQLite, as
//! an array a column on PostgreSQL.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Conn, Json, Result, Time};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sqlx::query;
use uuid::Uuid;

use super::{contacts::sort_name, rows::NEVER, sql};
use crate::domain::contact::{Contact, Source};

/// Rows of one statement: enough to make little of what a statement costs, and few enough that
/// their texts on the way take little room.
pub(super) const PART: usize = 500;

/// What an import may write of a contact.
#[derive(Debug, Serialize)]
pub(super) struct BatchRow<'c> {
    #[serde(serialize_with = "hex_id")]
    id: Uuid,
    user_id: Option<&'c str>,
    name: Option<&'c str>,
    sort_name: String,
    words: String,
    email: Option<&'c str>,
    email_key: Option<String>,
    email_vouched: bool,
    phone: Option<&'c str>,
    company: Option<&'c str>,
    custom: &'c Map<String, Value>,
    tags: &'c [String],
    #[serde(serialize_with = "hex")]
    claim_hash: Option<&'c [u8]>,
    claim_key: Option<&'c str>,
    claim_version: i64,
}

impl<'c> From<&'c Contact> for BatchRow<'c> {
    fn from(contact: &'c Contact) -> Self {
        Self {
            id: contact.id.0,
            user_id: contact.user_id.as_deref(),
            name: contact.name.as_deref(),
            sort_name: sort_name(contact),
            words: crate::domain::search::words(contact).join(" "),
            email: contact.email.as_deref(),
            email_key: contact.email.as_ref().map(|email| email.to_lowercase()),
            email_vouched: contact.email_vouched,
            phone: contact.phone.as_deref(),
            company: contact.company.as_deref(),
            custom: &contact.custom,
            tags: &contact.tags,
            claim_hash: contact.claim.as_ref().map(|claim| claim.hash.as_slice()),
            claim_key: contact.claim.as_ref().map(|claim| claim.key.as_str()),
            claim_version: contact.claim_version,
        }
    }
}

fn hex_id<S: Serializer>(id: &Uuid, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_str(&id.simple())
}

fn hex<S: Serializer>(
    bytes: &Option<&[u8]>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.map(text).serialize(serializer)
}

/// Binds what both statements of PostgreSQL write, a column each.
macro_rules! bind_columns {
    ($query:expr, $rows:expr) => {{
        let rows: &[BatchRow<'_>] = $rows;
        macro_rules! column {
            ($field:ident) => {
                rows.iter().map(|row| row.$field).collect::<Vec<_>>()
            };
            ($field:ident as text) => {
                rows.iter().map(|row| row.$field.as_str()).collect::<Vec<_>>()
            };
            ($field:ident as json) => {
                rows.iter().map(|row| Json(row.$field)).collect::<Vec<_>>()
            };
        }
        $query
            .bind(column!(id))
            .bind(column!(name))
            .bind(column!(sort_name as text))
            .bind(column!(words as text))
            .bind(column!(email))
            .bind(rows.iter().map(|row| row.email_key.as_deref()).collect::<Vec<_>>())
            .bind(column!(phone))
            .bind(column!(company))
            .bind(column!(custom as json))
            .bind(column!(tags as json))
            .bind(column!(claim_hash))
            .bind(column!(claim_key))
            .bind(column!(claim_version))
            .bind(column!(email_vouched))
    }};
}

/// Inserts contacts; gives how many were not there before.
pub(super) async fn insert(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    rows: &[BatchRow<'_>],
    now: Timestamp,
) -> Result<u64> {
    let (source, never, now) = (Source::Import.name(), Time(NEVER), Time(now));
    Ok(match conn {
        Conn::Sqlite(c) => {
            let insert = query(sql::INSERT_CONTACTS_SQLITE).bind(of.0).bind(Json(rows));
            let insert = insert.bind(source).bind(never).bind(now);
            insert.execute(&mut **c).await?.rows_affected()
        }
        Conn::Postgres(c) => {
            let insert = bind_columns!(query(sql::INSERT_CONTACTS_POSTGRES).bind(of.0), rows);
            let user_ids: Vec<_> = rows.iter().map(|row| row.user_id).collect();
            let insert = insert.bind(user_ids).bind(source).bind(never).bind(now);
            insert.execute(&mut **c).await?.rows_affected()
        }
    })
}

/// Writes contacts that are there.
pub(super) async fn update(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    rows: &[BatchRow<'_>],
) -> Result<()> {
    match conn {
        Conn::Sqlite(c) => {
            let update = query(sql::UPDATE_CONTACTS_SQLITE).bind(of.0).bind(Json(rows));
            update.execute(&mut **c).await?;
        }
        Conn::Postgres(c) => {
            let update = bind_columns!(query(sql::UPDATE_CONTACTS_POSTGRES).bind(of.0), rows);
            update.execute(&mut **c).await?;
        }
    }
    Ok(())
}
