//! Blocked addresses.

use std::net::IpAddr;

use onethread_core::{BlockedAddressId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Conn, Json, Result, Time, on};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, audit, contacts::Lock, revocations, settings, sql};
use crate::domain::{
    audit::{Actor, Change},
    network::{MOST, Network},
};

/// A blocked address as it is kept.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct BlockedAddress {
    pub(crate) id: Uuid,
    pub(crate) network: String,
    pub(crate) reason: String,
    created_at: Time,
}

impl BlockedAddress {
    pub(crate) fn created_at(&self) -> Timestamp {
        self.created_at.0
    }
}

async fn put(
    conn: &mut Conn<'_>,
    text: &'static str,
    of: OrganizationId,
    address: &BlockedAddress,
) -> Result<()> {
    on!(conn, |c| query(text)
        .bind(of.0)
        .bind(address.id)
        .bind(&address.network)
        .bind(&address.reason)
        .bind(address.created_at)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

/// True when the address is blocked, alone or in a network.
pub(super) async fn is_blocked(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    address: IpAddr,
) -> Result<bool> {
    let around: Vec<_> = Network::around(address).map(|network| network.to_string()).collect();
    let text = conn.pick(sql::IS_BLOCKED_SQLITE, sql::IS_BLOCKED_POSTGRES);
    let found: Option<Uuid> = on!(conn, |c| query_scalar(text)
        .bind(of.0)
        .bind(Json(&around))
        .fetch_optional(&mut **c)
        .await)?;
    Ok(found.is_some())
}

impl Store {
    /// True when the address is blocked, alone or in a network.
    pub(crate) async fn is_blocked(&self, of: OrganizationId, address: IpAddr) -> Result<bool> {
        self.db
            .read("blocked_address.get", move |mut conn| {
                Box::pin(async move { is_blocked(&mut conn, of, address).await })
            })
            .await
    }

    /// A page of the blocked addresses, behind this one, and one more where there is.
    pub(crate) async fn list_blocked_addresses(
        &self,
        of: OrganizationId,
        after: BlockedAddressId,
        size: PageSize,
    ) -> Result<Vec<BlockedAddress>> {
        self.page("blocked_address.list", sql::LIST_BLOCKED, of, after.0, size).await
    }

    /// Blocks a network and has every session of the organization looked at again; one that is
    /// blocked already gets the new reason. Answers whether it was. `None` when there are as many as
    /// there may be.
    pub(crate) async fn block_address(
        &self,
        of: OrganizationId,
        id: BlockedAddressId,
        network: Network,
        reason: String,
        actor: Actor,
        now: Timestamp,
    ) -> Result<Option<(BlockedAddress, bool)>> {
        let entropy = self.entropy.clone();
        let blocked = self
            .db
            .write("blocked_address.put", move |mut conn| {
                Box::pin(async move {
                    // Those who block at once wait for each other, so that none is one too many.
                    settings::settings(&mut conn, of, Lock::Yes).await?;
                    let network = network.to_string();
                    let held: Option<BlockedAddress> =
                        on!(&mut conn, |c| query_as(sql::BLOCKED_BY_NETWORK)
                            .bind(of.0)
                            .bind(&network)
                            .fetch_optional(&mut **c)
                            .await)?;
                    let known = held.is_some();
                    let blocked = match held {
                        Some(held) => {
                            let held = BlockedAddress { reason, ..held };
                            put(&mut conn, sql::UPDATE_BLOCKED, of, &held).await?;
                            held
                        }
                        None => {
                            let count: i64 = on!(&mut conn, |c| query_scalar(sql::COUNT_BLOCKED)
                                .bind(of.0)
                                .fetch_one(&mut **c)
                                .await)?;
                            if count >= MOST {
                                return Ok(None);
                            }
                            let new =
                                BlockedAddress { id: id.0, network, reason, created_at: Time(now) };
                            put(&mut conn, sql::INSERT_BLOCKED, of, &new).await?;
                            revocations::insert(&mut conn, of, &[of.0], now, &*entropy).await?;
                            new
                        }
                    };
                    let change = change(actor, "address.block", blocked.id);
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(Some((blocked, known)))
                })
            })
            .await;
        self.openings.forget();
        blocked
    }

    /// Blocks it no more; false when there is no such one in the organization.
    pub(crate) async fn unblock_address(
        &self,
        of: OrganizationId,
        id: BlockedAddressId,
        actor: Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let entropy = self.entropy.clone();
        let unblocked = self
            .db
            .write("blocked_address.delete", move |mut conn| {
                Box::pin(async move {
                    let rows = on!(&mut conn, |c| query(sql::DELETE_BLOCKED)
                        .bind(of.0)
                        .bind(id.0)
                        .execute(&mut **c)
                        .await
                        .map(|done| done.rows_affected()))?;
                    if rows == 0 {
                        return Ok(false);
                    }
                    let change = change(actor, "address.unblock", id.0);
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(true)
                })
            })
            .await;
        self.openings.forget();
        unblocked
    }
}

fn change(actor: Actor, action: &'static str, id: Uuid) -> Change {
    Change { actor, action, subject: id.to_string(), detail: String::new() }
}
