//! Logins of contacts, visitors' rows, and sessions.

use std::{net::IpAddr, sync::Arc};

use onethread_core::{ContactId, DeviceId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result, Time, on};
use sqlx::{query, query_as};

use super::{
    ROUNDS, Store, audit,
    blocked_addresses::is_blocked,
    contacts::{self, Lock},
    joins::{self, Join},
    revocations,
    rows::{DeviceRow, LookRow},
    settings, sql,
};
use crate::domain::{
    audit::{Actor, Change},
    contact::Contact,
    keys::ServerKeys,
    login::{Decision, Held, Joined, LoggedIn, Login, Write, decide},
    policy::{Policy, Rules},
    session::Device,
    tokens::DeviceToken,
    visitor::VisitorRows,
};

/// What a login is decided by, kept from other writers until the transaction ends.
async fn held(conn: &mut Conn<'_>, login: &Login, keys: &ServerKeys) -> Result<Held> {
    let lock = Lock::Yes;
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

/// The same without locks, in one statement. Keys are read only where the policy is checked with
/// them.
async fn look(conn: &mut Conn<'_>, login: &Login, keys: &ServerKeys) -> Result<Held> {
    let of = login.organization_id;
    let rows: Vec<LookRow> = on!(&mut *conn, |c| query_as(sql::LOGIN_LOOK)
        .bind(of.0)
        .bind(login.user_id.as_str())
        .bind(login.device_id().0)
        .bind(login.visitor_id().0)
        .fetch_all(&mut **c)
        .await)?;
    let mut held = Held::default();
    let mut last = None;
    for mut row in rows {
        if let Some(contact) = row.contact()? {
            // Without a token there is nobody to look for.
            if login.device.is_some() && contact.id == login.visitor_id() {
                held.visitor = Some(contact.clone());
            }
            if contact.user_id.as_deref() == Some(login.user_id.as_str()) {
                held.contact = Some(contact);
            }
        }
        last = Some(row);
    }
    let (settings, device) = last.ok_or(Error::Corrupt("organizations"))?.settle(of)?;
    let keys = settings::keys_for(conn, of, &settings, keys).await?;
    held.rules = Rules { settings, keys };
    held.device = device;
    Ok(held)
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
                    let held = look(&mut conn, &login, &keys).await?;
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
                    let held = held(&mut conn, &login, &keys).await?;
                    let decision = decide(&login, &held, &keys);
                    if let Decision::In(person) = &decision {
                        write(&mut conn, &held, person, login.now).await?;
                        let of = login.organization_id;
                        revocations::insert(&mut conn, of, &person.revoked, login.now, &*entropy)
                            .await?;
                        if let Some(before) = &held.contact {
                            let after = &person.contact;
                            revocations::insert_if_shown(
                                &mut conn, before, after, login.now, &*entropy,
                            )
                            .await?;
                        }
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

    /// The rows behind a device token.
    pub(crate) async fn visitor(
        &self,
        of: OrganizationId,
        token: &DeviceToken,
    ) -> Result<VisitorRows> {
        let (device_id, visitor_id) = (token.device_id, token.visitor_id);
        let first = token.is_first();
        self.db
            .read("visitor.get", move |mut conn| {
                Box::pin(async move {
                    // Before the devices, which tell of one who has just gone.
                    let visitor = contacts::by_id(&mut conn, of, visitor_id, Lock::No).await?;
                    let held = device(&mut conn, of, device_id, Lock::No).await?;
                    let mark = match &visitor {
                        None if !first => {
                            device(&mut conn, of, DeviceId(visitor_id.0), Lock::No).await?
                        }
                        _ => None,
                    };
                    Ok(VisitorRows { device: held, visitor, mark })
                })
            })
            .await
    }

    /// Changes a visitor's row as `change` says, and makes it where it is missing, unless the
    /// visitor has become somebody, or was erased. `None` when nothing came of it.
    pub(crate) async fn change_visitor<F>(
        &self,
        of: OrganizationId,
        id: ContactId,
        now: Timestamp,
        change: F,
    ) -> Result<Option<Contact>>
    where
        F: Fn(Option<Contact>) -> Option<Contact> + Clone + Send + Sync + 'static,
    {
        for _ in 0..ROUNDS {
            let (change, entropy) = (change.clone(), self.entropy.clone());
            let done = self.db.write("visitor.change", move |mut conn| {
                Box::pin(async move {
                    let held = contacts::by_id(&mut conn, of, id, Lock::Yes).await?;
                    let Some(contact) = change(held.clone()) else { return Ok(None) };
                    if let Some(held) = held {
                        if held != contact {
                            contacts::update(&mut conn, &contact).await?;
                            revocations::insert_if_shown(
                                &mut conn, &held, &contact, now, &*entropy,
                            )
                            .await?;
                        }
                        return Ok(Some(contact));
                    }
                    // The row among devices is what a login that takes the visitor along has to
                    // wait for, and what tells of one that was first.
                    if ended(&mut conn, &contact, now).await? {
                        return Ok(None);
                    }
                    let made = contacts::insert(&mut conn, &contact).await?;
                    if made { Ok(Some(contact)) } else { Err(Error::Conflict) }
                })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
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

/// Makes the row that a visitor has among devices. True when one there says that the visitor has
/// ended.
async fn ended(conn: &mut Conn<'_>, visitor: &Contact, now: Timestamp) -> Result<bool> {
    let blank = Device {
        organization_id: visitor.organization_id,
        id: DeviceId(visitor.id.0),
        contact_id: None,
        epoch: 0,
        platform: visitor.platform.clone(),
        last_seen_at: now,
        retired: false,
    };
    match put_device(conn, &blank, false).await {
        Err(Error::Conflict) => {
            let held = device(conn, blank.organization_id, blank.id, Lock::Yes).await?;
            Ok(held.is_some_and(|held| held.ends_visitor()))
        }
        made => made.map(|()| false),
    }
}

/// Writes what a decision says. The device comes first, as it does where a visitor's row is made.
async fn write(conn: &mut Conn<'_>, held: &Held, person: &LoggedIn, now: Timestamp) -> Result<()> {
    if person.device_changed {
        let known = held.device.as_ref().is_some_and(|device| device.id == person.device.id);
        put_device(conn, &person.device, known).await?;
    }
    match person.contact_write {
        Write::None => {}
        Write::Insert => {
            if !contacts::insert(conn, &person.contact).await? {
                return Err(Error::Conflict);
            }
        }
        Write::Update => contacts::update(conn, &person.contact).await?,
    }
    if let Some(Joined { id, visitor }) = person.joined {
        let (of, into) = (person.contact.organization_id, person.contact.id);
        let join = Join { id, ended: visitor, into, now };
        joins::join(conn, of, &join).await?;
        if visitor != ContactId::of_visitor(person.device.id) {
            joins::bury(conn, of, visitor, now).await?;
        }
    }
    Ok(())
}
