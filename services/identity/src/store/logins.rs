//! Logins of contacts, visitors' rows, and sessions.

use std::{net::IpAddr, sync::Arc};

use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result, Time, on};
use sqlx::{query, query_as};

use super::{
    ROUNDS, Store, audit,
    blocked_addresses::is_blocked,
    contacts::{self, Lock},
    revocations,
    rows::DeviceRow,
    settings, sql,
};
use crate::domain::{
    audit::{Actor, Change},
    contact::Contact,
    keys::ServerKeys,
    login::{Decision, Held, LoggedIn, Login, Write, decide},
    policy::Policy,
    session::Device,
};

async fn held(conn: &mut Conn<'_>, login: &Login, keys: &ServerKeys, lock: Lock) -> Result<Held> {
    let of = login.organization_id;
    Ok(Held {
        rules: settings::rules(conn, of, keys).await?,
        contact: contacts::by_user_id(conn, of, login.user_id.as_str(), lock).await?,
        device: device(conn, of, login.device_id(), lock).await?,
        // Without a token there is nobody to look for.
        visitor: match login.device {
            Some(_) => contacts::by_id(conn, of, login.visitor_id(), lock).await?,
            None => None,
        },
    })
}

async fn device(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    id: DeviceId,
    lock: Lock,
) -> Result<Option<Device>> {
    let text = lock.pick(conn, sql::DEVICE, sql::DEVICE_LOCKED);
    let row: Option<DeviceRow> =
        on!(conn, |c| query_as(text).bind(of.0).bind(id.0).fetch_optional(&mut **c).await)?;
    Ok(row.map(Device::from))
}

/// Writes a device: over the row that is held, else a new one, unless another process made it
/// meanwhile.
async fn put_device(conn: &mut Conn<'_>, device: &Device, held: bool) -> Result<()> {
    let text = if held { sql::UPDATE_DEVICE } else { sql::INSERT_DEVICE };
    let rows = on!(conn, |c| query(text)
        .bind(device.organization_id.0)
        .bind(device.id.0)
        .bind(device.contact_id.map(|id| id.0))
        .bind(device.epoch)
        .bind(&device.platform)
        .bind(Time(device.last_seen_at))
        .bind(device.retired)
        .execute(&mut **c)
        .await
        .map(|done| done.rows_affected()))?;
    if rows == 1 { Ok(()) } else { Err(Error::Conflict) }
}

/// What stands behind a contact's session.
#[derive(Debug)]
pub(crate) struct SessionRows {
    pub(crate) rows: Option<(Device, Contact)>,
    /// The policy that is enforced.
    pub(crate) enforced: Policy,
    /// The address from which it is used is blocked.
    pub(crate) blocked: bool,
}

impl Store {
    /// Logs a person in: looks, decides, and writes only where something changes. The decision is
    /// made again inside the transaction, on rows that nobody else can change.
    pub(crate) async fn log_in(&self, login: Login, keys: Arc<ServerKeys>) -> Result<Decision> {
        let looked = {
            let (login, keys) = (login.clone(), keys.clone());
            self.db.read("login.look", move |mut conn| {
                Box::pin(async move {
                    let held = held(&mut conn, &login, &keys, Lock::No).await?;
                    Ok(decide(&login, &held, &keys))
                })
            })
        };
        match looked.await? {
            Decision::In(person) if !person.is_as_held() => {}
            settled => return Ok(settled),
        }
        // Another process's write between the look and ours sends us round: it got further then.
        for _ in 0..ROUNDS {
            let (login, keys, entropy) = (login.clone(), keys.clone(), self.entropy.clone());
            let done = self.db.write("login.write", move |mut conn| {
                Box::pin(async move {
                    let held = held(&mut conn, &login, &keys, Lock::Yes).await?;
                    let decision = decide(&login, &held, &keys);
                    if let Decision::In(person) = &decision {
                        write(&mut conn, &held, person).await?;
                        let of = login.organization_id;
                        revocations::insert(&mut conn, of, &person.revoked, login.now, &*entropy)
                            .await?;
                        if person.claims {
                            let change = Change {
                                actor: Actor::Widget,
                                action: "claim.set",
                                subject: person.contact.id.to_string(),
                                detail: String::new(),
                            };
                            audit::record(&mut conn, of, &change, login.now, &*entropy).await?;
                        }
                    }
                    Ok(decision)
                })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
    }

    /// The rows behind a device token: its device, and its visitor.
    pub(crate) async fn visitor(
        &self,
        of: OrganizationId,
        device_id: DeviceId,
        visitor_id: ContactId,
    ) -> Result<(Option<Device>, Option<Contact>)> {
        self.db
            .read("visitor.get", move |mut conn| {
                Box::pin(async move {
                    let held = device(&mut conn, of, device_id, Lock::No).await?;
                    let row = contacts::by_id(&mut conn, of, visitor_id, Lock::No).await?;
                    if row.is_none() && visitor_id.0 != device_id.0 {
                        // Whoever was erased stands for a device that is retired.
                        let erased =
                            device(&mut conn, of, DeviceId(visitor_id.0), Lock::No).await?;
                        if let Some(erased) = erased.filter(|erased| erased.retired) {
                            return Ok((Some(erased), None));
                        }
                    }
                    Ok((held, row))
                })
            })
            .await
    }

    /// What stands behind a contact's session, used from this address.
    pub(crate) async fn session_rows(
        &self,
        of: OrganizationId,
        device_id: DeviceId,
        contact_id: ContactId,
        address: Option<IpAddr>,
    ) -> Result<SessionRows> {
        self.db
            .read("session.get", move |mut conn| {
                Box::pin(async move {
                    let (settings, blocks) = settings::with_blocks(&mut conn, of).await?;
                    let device = device(&mut conn, of, device_id, Lock::No).await?;
                    let contact = contacts::by_id(&mut conn, of, contact_id, Lock::No).await?;
                    let blocked = match address.filter(|_| blocks) {
                        Some(address) => is_blocked(&mut conn, of, address).await?,
                        None => false,
                    };
                    let enforced = settings.enforced();
                    Ok(SessionRows { rows: device.zip(contact), enforced, blocked })
                })
            })
            .await
    }

    /// Notes that a session is used.
    pub(crate) async fn touch_device(
        &self,
        of: OrganizationId,
        id: DeviceId,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .write("device.touch", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(sql::TOUCH_DEVICE)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(Time(now))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    Ok(())
                })
            })
            .await
    }

    /// Logs a device out: whatever runs on it ends, and nothing begins on it any more.
    pub(crate) async fn retire_device(
        &self,
        of: OrganizationId,
        id: DeviceId,
        now: Timestamp,
    ) -> Result<()> {
        for _ in 0..ROUNDS {
            let entropy = self.entropy.clone();
            let done = self.db.write("device.retire", move |mut conn| {
                Box::pin(async move {
                    let held = device(&mut conn, of, id, Lock::Yes).await?;
                    let known = held.is_some();
                    let epoch = held.as_ref().map_or(0, |device| device.epoch) + 1;
                    let device = Device {
                        organization_id: of,
                        id,
                        contact_id: None,
                        epoch,
                        platform: held.map(|device| device.platform).unwrap_or_default(),
                        last_seen_at: now,
                        retired: true,
                    };
                    put_device(&mut conn, &device, known).await?;
                    revocations::insert(&mut conn, of, &[id.0], now, &*entropy).await
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

/// Writes what a decision says.
async fn write(conn: &mut Conn<'_>, held: &Held, person: &LoggedIn) -> Result<()> {
    match person.contact_write {
        Write::None => {}
        Write::Insert => {
            if !contacts::insert(conn, &person.contact).await? {
                return Err(Error::Conflict);
            }
        }
        Write::Update => contacts::update(conn, &person.contact).await?,
    }
    if person.device_changed {
        let known = held.device.as_ref().is_some_and(|device| device.id == person.device.id);
        put_device(conn, &person.device, known).await?;
    }
    Ok(())
}
