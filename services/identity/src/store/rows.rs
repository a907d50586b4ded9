//! Rows as both databases have them, and their way into meaning.

use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
use onethread_db::{Error, Json, Result, Time};
use serde_json::{Map, Value};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use crate::{
    domain::{
        contact::{Contact, Page, Source},
        keys::Claim,
        policy::{Settings, Verified},
        session::Device,
    },
    organization::store::{applications::ApplicationRow, organizations::SettingsRow},
};

/// "Never" where a time has to sort.
pub(super) const NEVER: Timestamp = Timestamp::from_micros(0);

#[derive(sqlx::FromRow)]
pub(super) struct ContactRow {
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

#[derive(sqlx::FromRow)]
pub(super) struct DeviceRow {
    organization_id: Uuid,
    id: Uuid,
    contact_id: Option<Uuid>,
    epoch: i64,
    platform: String,
    last_seen_at: Time,
    retired: bool,
}

impl From<DeviceRow> for Device {
    fn from(row: DeviceRow) -> Self {
        Self {
            organization_id: OrganizationId(row.organization_id),
            id: DeviceId(row.id),
            contact_id: row.contact_id.map(ContactId),
            epoch: row.epoch,
            platform: row.platform,
            last_seen_at: row.last_seen_at.into(),
            retired: row.retired,
        }
    }
}

/// An application, and whether its organization has blocked addresses.
#[derive(sqlx::FromRow)]
pub(super) struct OpeningRow {
    #[sqlx(flatten)]
    pub(super) application: ApplicationRow,
    pub(super) blocks: bool,
}

/// What a login looks at: a row for each contact that takes part, or one without.
#[derive(sqlx::FromRow)]
pub(super) struct LookRow {
    domain: String,
    policy: String,
    report_only: bool,
    device_id: Option<Uuid>,
    device_contact_id: Option<Uuid>,
    device_epoch: Option<i64>,
    device_platform: Option<String>,
    device_seen_at: Option<Time>,
    device_retired: Option<bool>,
    #[sqlx(flatten)]
    contact: Joined,
}

/// A contact that may be missing from a join.
struct Joined(Option<ContactRow>);

impl<'r, R> FromRow<'r, R> for Joined
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Option<Uuid>: Decode<'r, R::Database> + Type<R::Database>,
    ContactRow: FromRow<'r, R>,
{
    fn from_row(row: &'r R) -> sqlx::Result<Self> {
        let id: Option<Uuid> = row.try_get("id")?;
        id.map(|_| ContactRow::from_row(row)).transpose().map(Self)
    }
}

impl LookRow {
    /// The contact of the row.
    pub(super) fn contact(&mut self) -> Result<Option<Contact>> {
        self.contact.0.take().map(Contact::try_from).transpose()
    }

    /// What every row says: the organization's settings and the device.
    pub(super) fn settle(self, of: OrganizationId) -> Result<(Settings, Option<Device>)> {
        let Self { domain, policy, report_only, .. } = self;
        let settings = SettingsRow { name: domain, policy, report_only }.try_into()?;
        let rest = (self.device_epoch, self.device_platform, self.device_seen_at);
        let device = match (self.device_id, rest, self.device_retired) {
            (Some(id), (Some(epoch), Some(platform), Some(last_seen_at)), Some(retired)) => {
                Some(Device {
                    organization_id: of,
                    id: DeviceId(id),
                    contact_id: self.device_contact_id.map(ContactId),
                    epoch,
                    platform,
                    last_seen_at: last_seen_at.into(),
                    retired,
                })
            }
            _ => None,
        };
        Ok((settings, device))
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct GuardedRow {
    #[sqlx(flatten)]
    pub(super) settings: SettingsRow,
    pub(super) blocks: bool,
}
