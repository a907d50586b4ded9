//! The rows that a login is decided on, and those that it writes.

use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
use onethread_db::{Connection, Error, Result, Time};
use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};
use uuid::Uuid;

use super::{
    devices,
    rules::{self, SealedRules},
};
use crate::{
    contact::{
        domain::{changes::RowWrite, contact::Contact},
        store::{
            contacts, merges,
            rows::{ContactRow, contact_columns},
        },
    },
    organization::{domain::settings::Settings, store::organizations::PolicyHistoryRow},
    session::domain::{
        login::{AcceptedLogin, Login, LoginRows},
        session::Device,
    },
};

// All that a login is decided on, except keys: the settings, the device, the contact, and the
// visitor where that is another row.
const READ: &str = concat!(
    "SELECT o.name AS domain, o.policy, o.report_only, o.policy_version, o.hash_required_at,
       o.hmac_required_at, o.jwt_required_at, d.id AS device_id,
       d.contact_id AS device_contact_id, d.epoch AS device_epoch, d.platform AS device_platform,
       d.last_seen_at AS device_seen_at, d.retired AS device_retired, c.*
     FROM organizations o
     LEFT JOIN devices d ON d.organization_id = $1 AND d.id = $3
     LEFT JOIN (SELECT ",
    contact_columns!(),
    " FROM contacts WHERE organization_id = $1 AND user_id = $2 UNION ALL SELECT ",
    contact_columns!(),
    " FROM contacts WHERE organization_id = $1 AND id = $4 AND user_id IS DISTINCT FROM $2) c
       ON true
     WHERE o.organization_id = $1"
);

/// A row for each contact that takes part in a login, or one without a contact.
#[derive(onethread_db::FromRow)]
struct LoginRow {
    domain: String,
    policy: String,
    report_only: bool,
    #[sqlx(flatten)]
    history: PolicyHistoryRow,
    device_id: Option<Uuid>,
    device_contact_id: Option<Uuid>,
    device_epoch: Option<i64>,
    device_platform: Option<String>,
    device_seen_at: Option<Time>,
    device_retired: Option<bool>,
    #[sqlx(flatten)]
    contact: OptionalContact,
}

/// A contact that may be missing from a join.
struct OptionalContact(Option<ContactRow>);

impl<'r, R> FromRow<'r, R> for OptionalContact
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

impl LoginRow {
    /// The contact of the row.
    fn contact(&mut self) -> Result<Option<Contact>> {
        self.contact.0.take().map(Contact::try_from).transpose()
    }

    /// What is the same in each row: the organization's settings and the device.
    fn settings_and_device(
        self,
        organization_id: OrganizationId,
    ) -> Result<(Settings, Option<Device>)> {
        let Self { domain, policy, report_only, history, .. } = self;
        let policy = policy.parse().map_err(|_| Error::Corrupt("organizations.policy"))?;
        let history = history.into();
        let settings = Settings { name: domain, policy, report_only, history };
        let rest = (self.device_epoch, self.device_platform, self.device_seen_at);
        let device = match (self.device_id, rest, self.device_retired) {
            (Some(id), (Some(epoch), Some(platform), Some(last_seen_at)), Some(retired)) => {
                Some(Device {
                    organization_id,
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

/// Reads the rows without locks, in one statement where the policy needs no keys. The rules are
/// returned separately, because their keys are encrypted.
pub(crate) async fn read(conn: &mut Connection, login: &Login) -> Result<(LoginRows, SealedRules)> {
    let organization = login.organization_id;
    let select = conn.query(READ).bind(organization.0).bind(login.user_id.as_str());
    let select = select.bind(login.device_id().0).bind(login.visitor_id().0);
    let mut rows = LoginRows::default();
    let mut last = None;
    for mut row in select.all::<LoginRow>().await? {
        if let Some(contact) = row.contact()? {
            // Without a token there is no visitor.
            if login.device.is_some() && contact.id == login.visitor_id() {
                rows.visitor = Some(contact.clone());
            }
            if contact.user_id.as_deref() == Some(login.user_id.as_str()) {
                rows.contact = Some(contact);
            }
        }
        last = Some(row);
    }
    let last = last.ok_or(Error::Corrupt("organizations"))?;
    let (settings, device) = last.settings_and_device(organization)?;
    rows.device = device;
    Ok((rows, rules::with_keys(conn, organization, settings).await?))
}

/// Reads the rows, locked until the transaction ends.
pub(crate) async fn read_locked(
    conn: &mut Connection,
    login: &Login,
) -> Result<(LoginRows, SealedRules)> {
    let organization = login.organization_id;
    let rules = rules::read(conn, organization).await?;
    let user_id = login.user_id.as_str();
    let rows = LoginRows {
        contact: contacts::locked_by_user_id(conn, organization, user_id).await?,
        device: devices::locked_by_id(conn, organization, login.device_id()).await?,
        // Without a token there is no visitor.
        visitor: match login.device {
            Some(_) => contacts::locked_by_id(conn, organization, login.visitor_id()).await?,
            None => None,
        },
        ..LoginRows::default()
    };
    Ok((rows, rules))
}

/// Writes the rows of a login, the device first, in the order of other inserts of visitors.
///
/// # Errors
///
/// `Conflict` when another process was first.
pub(crate) async fn write(
    conn: &mut Connection,
    login: &AcceptedLogin,
    now: Timestamp,
) -> Result<()> {
    match login.device_write {
        RowWrite::None => {}
        RowWrite::Insert => {
            if !devices::insert(conn, &login.device).await? {
                return Err(Error::Conflict);
            }
        }
        RowWrite::Update => devices::update(conn, &login.device).await?,
    }
    match login.contact_write {
        RowWrite::None => {}
        RowWrite::Insert => contacts::insert(conn, &login.contact).await?,
        RowWrite::Update => contacts::update(conn, &login.contact).await?,
    }
    if let Some(merge) = &login.merge {
        let organization = login.contact.organization_id;
        merges::insert(conn, organization, merge, now).await?;
        if merge.source != ContactId::of_visitor(login.device.id) {
            devices::retire_visitor(conn, organization, merge.source, now).await?;
        }
    }
    Ok(())
}
