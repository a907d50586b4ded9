//! Rows that an import writes, many with one statement: as one JSON text on SQLite, as an array a
//! column on PostgreSQL, which needs a quarter of the time of a JSON text there.

use onethread_core::{OrganizationId, Timestamp};
use onethread_db::{Connection, Json, Result, Sql, Statement, Time};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use sqlx::{Encode, Postgres, Type};
use uuid::Uuid;

use crate::contact::{
    domain::{
        contact::{Contact, Source},
        search::words,
    },
    store::{list::sort_name, rows::NEVER},
};

// A row that another process inserted first is left out. Imported contacts are in Contacts.
macro_rules! insert_contacts {
    ($values:literal, $from:expr) => {
        concat!(
            "INSERT INTO contacts (organization_id, id, user_id, name, sort_name, words, email, email_key,
               phone, company, custom, tags, claim_hash, claim_key, claim_version, email_vouched,
               listed, blocked, sessions, locale, time_zone, source, last_seen_at, created_at)
             SELECT $1, ",
            $values,
            ", true, false, 0, '', '', ",
            $from,
            " ON CONFLICT DO NOTHING"
        )
    };
}
macro_rules! columns {
    ($own_names:literal, $own_arrays:literal) => {
        concat!(
            "unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
               $9::text[], $10::jsonb[], $11::jsonb[], $12::bytea[], $13::text[], $14::bigint[],
               $15::boolean[]",
            $own_arrays,
            ") AS c(id, name, sort_name, words, email, email_key, phone, company, custom, tags, claim_hash,
               claim_key, claim_version, email_vouched",
            $own_names,
            ")"
        )
    };
}
const INSERT: Sql = Sql::dialects(
    insert_contacts!(
        "unhex(value->>'id'), value->>'user_id', value->>'name', value->>'sort_name', value->>'words',
         value->>'email', value->>'email_key', value->>'phone', value->>'company', value->'custom',
         value->'tags', unhex(value->>'claim_hash'), value->>'claim_key', value->>'claim_version',
         value->>'email_vouched'",
        "$3, $4, $5 FROM json_each($2) WHERE true"
    ),
    insert_contacts!(
        "c.id, c.user_id, c.name, c.sort_name, c.words, c.email, c.email_key, c.phone, c.company,
         c.custom, c.tags, c.claim_hash, c.claim_key, c.claim_version, c.email_vouched",
        concat!("$17, $18, $19 FROM ", columns!(", user_id", ", $16::text[]"))
    ),
);
const UPDATE: Sql = Sql::dialects(
    "UPDATE contacts SET listed = true, name = value->>'name', sort_name = value->>'sort_name', words = value->>'words',
       email = value->>'email', email_key = value->>'email_key',
       email_vouched = value->>'email_vouched', phone = value->>'phone',
       company = value->>'company', custom = value->'custom', tags = value->'tags',
       claim_hash = unhex(value->>'claim_hash'), claim_key = value->>'claim_key',
       claim_version = value->>'claim_version'
     FROM json_each($2)
     WHERE contacts.organization_id = $1 AND contacts.id = unhex(value->>'id')",
    concat!(
        "UPDATE contacts SET listed = true, name = c.name, sort_name = c.sort_name, words = c.words, email = c.email,
           email_key = c.email_key, email_vouched = c.email_vouched, phone = c.phone,
           company = c.company, custom = c.custom, tags = c.tags,
           claim_hash = c.claim_hash, claim_key = c.claim_key, claim_version = c.claim_version
         FROM (SELECT c.*, at.row FROM ",
        columns!("", ""),
        // They are locked, so that they keep their ctid.
        " CROSS JOIN LATERAL (
             SELECT ctid AS row FROM contacts WHERE organization_id = $1 AND id = c.id OFFSET 0) at) c
         WHERE contacts.ctid = c.row"
    ),
);

/// Rows of a statement: enough that its own cost is small, and few enough that its text is.
pub(super) const STATEMENT_ROWS: usize = 500;

/// The columns of a contact that an import writes.
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
            words: words::of_contact(contact).join(" "),
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

/// Inserts contacts. Returns how many were not there before.
pub(super) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    rows: &[BatchRow<'_>],
    now: Timestamp,
) -> Result<u64> {
    let is_postgres = conn.is_postgres();
    let insert = conn.query(INSERT).bind(organization.0);
    let insert = if is_postgres {
        bind_array(bind_columns(insert, rows), rows.iter().map(|row| row.user_id))
    } else {
        insert.bind(Json(rows))
    };
    insert.bind(Source::Import.name()).bind(Time(NEVER)).bind(Time(now)).execute().await
}

/// Updates contacts.
pub(super) async fn update(
    conn: &mut Connection,
    organization: OrganizationId,
    rows: &[BatchRow<'_>],
) -> Result<()> {
    let is_postgres = conn.is_postgres();
    let update = conn.query(UPDATE).bind(organization.0);
    let update = if is_postgres { bind_columns(update, rows) } else { update.bind(Json(rows)) };
    update.execute().await?;
    Ok(())
}

/// Binds the columns that both statements write, in PostgreSQL's order.
fn bind_columns<'c>(statement: Statement<'c>, rows: &[BatchRow<'_>]) -> Statement<'c> {
    let statement = bind_array(statement, rows.iter().map(|row| row.id));
    let statement = bind_array(statement, rows.iter().map(|row| row.name));
    let statement = bind_array(statement, rows.iter().map(|row| row.sort_name.as_str()));
    let statement = bind_array(statement, rows.iter().map(|row| row.words.as_str()));
    let statement = bind_array(statement, rows.iter().map(|row| row.email));
    let statement = bind_array(statement, rows.iter().map(|row| row.email_key.as_deref()));
    let statement = bind_array(statement, rows.iter().map(|row| row.phone));
    let statement = bind_array(statement, rows.iter().map(|row| row.company));
    let statement = bind_array(statement, rows.iter().map(|row| Json(row.custom)));
    let statement = bind_array(statement, rows.iter().map(|row| Json(row.tags)));
    let statement = bind_array(statement, rows.iter().map(|row| row.claim_hash));
    let statement = bind_array(statement, rows.iter().map(|row| row.claim_key));
    let statement = bind_array(statement, rows.iter().map(|row| row.claim_version));
    bind_array(statement, rows.iter().map(|row| row.email_vouched))
}

/// Binds an array, which only PostgreSQL has.
pub(super) fn bind_array<'c, 't, T>(
    statement: Statement<'c>,
    values: impl Iterator<Item = T>,
) -> Statement<'c>
where
    Vec<T>: Encode<'t, Postgres> + Type<Postgres>,
{
    statement.bind_either(|| None::<i64>, || values.collect::<Vec<_>>())
}
