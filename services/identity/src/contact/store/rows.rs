//! Rows of contacts, and their columns.

use onethread_core::{ContactId, OrganizationId, Timestamp};
use onethread_db::{Error, Json, Result, Time};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    contact::domain::contact::{Contact, Page, Source},
    domain::keys::Claim,
    organization::domain::policy::Verified,
};

/// "Never" in the column that Contacts is sorted by.
pub(crate) const NEVER: Timestamp = Timestamp::from_micros(0);

/// The columns of [`ContactRow`].
macro_rules! contact_columns {
    () => {
        "organization_id, id, user_id, listed, source, name, email, email_vouched, phone, company,
         custom, tags, claim_hash, claim_key, claim_version, form_at, wrote_at, blocked,
         first_seen_at, last_seen_at, sessions, page, platform, browser, system, locale,
         time_zone, created_at, verified"
    };
}

/// Selects contacts of the organization `$1`.
macro_rules! select_contact {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            $crate::contact::store::rows::contact_columns!(),
            " FROM contacts WHERE organization_id = $1 AND ",
            $rest
        )
    };
}

pub(crate) use {contact_columns, select_contact};

#[derive(onethread_db::FromRow)]
pub(crate) struct ContactRow {
    organization_id: Uuid,
    id: Uuid,
    user_id: Option<String>,
    listed: bool,
    source: String,
    name: Option<String>,
    email: Option<String>,
    email_vouched: bool,
    phone: Option<String>,
    company: Option<String>,
    custom: Json<Map<String, Value>>,
    tags: Json<Vec<String>>,
    claim_hash: Option<Vec<u8>>,
    claim_key: Option<String>,
    claim_version: i64,
    form_at: Option<Time>,
    wrote_at: Option<Time>,
    blocked: bool,
    first_seen_at: Option<Time>,
    last_seen_at: Time,
    sessions: i64,
    page: Option<Json<Page>>,
    platform: String,
    browser: String,
    system: String,
    locale: String,
    time_zone: String,
    created_at: Time,
    verified: String,
}

impl TryFrom<ContactRow> for Contact {
    type Error = Error;

    fn try_from(row: ContactRow) -> Result<Self> {
        let last_seen_at = Timestamp::from(row.last_seen_at);
        Ok(Self {
            organization_id: OrganizationId(row.organization_id),
            id: ContactId(row.id),
            user_id: row.user_id,
            listed: row.listed,
            source: Source::from_name(&row.source).ok_or(Error::Corrupt("contacts.source"))?,
            name: row.name,
            email: row.email,
            email_vouched: row.email_vouched,
            phone: row.phone,
            company: row.company,
            custom: row.custom.0,
            tags: row.tags.0,
            claim: row.claim_hash.zip(row.claim_key).map(|(hash, key)| Claim { hash, key }),
            claim_version: row.claim_version,
            form_at: row.form_at.map(Timestamp::from),
            wrote_at: row.wrote_at.map(Timestamp::from),
            blocked: row.blocked,
            first_seen_at: row.first_seen_at.map(Timestamp::from),
            last_seen_at: (last_seen_at != NEVER).then_some(last_seen_at),
            sessions: row.sessions,
            page: row.page.map(|page| page.0),
            platform: row.platform,
            browser: row.browser,
            system: row.system,
            locale: row.locale,
            time_zone: row.time_zone,
            created_at: row.created_at.into(),
            verified: Verified::from_name(&row.verified)
                .ok_or(Error::Corrupt("contacts.verified"))?,
        })
    }
}
