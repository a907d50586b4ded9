//! Blocked addresses.

use std::net::IpAddr;

use onethread_core::{BlockedAddressId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Json, Result, Sql, Time};
use uuid::Uuid;

use crate::organization::domain::{blocked_address::BlockedAddress, network::Network};

pub(crate) const IS_BLOCKED_SQLITE: &str = "SELECT id FROM blocked_addresses
     WHERE organization_id = $1 AND network IN (SELECT value FROM json_each($2)) LIMIT 1";
pub(crate) const IS_BLOCKED_POSTGRES: &str = "SELECT id FROM blocked_addresses
     WHERE organization_id = $1
       AND network = ANY (ARRAY(SELECT jsonb_array_elements_text($2))) LIMIT 1";
const IS_BLOCKED: Sql = Sql::dialects(IS_BLOCKED_SQLITE, IS_BLOCKED_POSTGRES);
const LIST: &str = "SELECT id, network, reason, created_at FROM blocked_addresses
     WHERE organization_id = $1 AND id > $2 ORDER BY id LIMIT $3";
const BY_NETWORK: &str = "SELECT id, network, reason, created_at FROM blocked_addresses
     WHERE organization_id = $1 AND network = $2";
const COUNT: &str = "SELECT COUNT(*) FROM blocked_addresses WHERE organization_id = $1";
const INSERT: &str =
    "INSERT INTO blocked_addresses (organization_id, id, network, reason, created_at)
     VALUES ($1, $2, $3, $4, $5)";
const UPDATE_REASON: &str =
    "UPDATE blocked_addresses SET reason = $3 WHERE organization_id = $1 AND id = $2";
const DELETE: &str = "DELETE FROM blocked_addresses WHERE organization_id = $1 AND id = $2";

#[derive(onethread_db::FromRow)]
struct BlockedAddressRow {
    id: Uuid,
    network: String,
    reason: String,
    created_at: Time,
}

impl From<BlockedAddressRow> for BlockedAddress {
    fn from(row: BlockedAddressRow) -> Self {
        Self {
            id: BlockedAddressId(row.id),
            network: row.network,
            reason: row.reason,
            created_at: Timestamp::from(row.created_at),
        }
    }
}

/// True when the address is blocked, alone or in a network.
pub(crate) async fn is_blocked(
    conn: &mut Connection,
    organization: OrganizationId,
    address: IpAddr,
) -> Result<bool> {
    let networks: Vec<_> =
        Network::containing(address).map(|network| network.to_string()).collect();
    conn.query(IS_BLOCKED).bind(organization.0).bind(Json(&networks)).exists().await
}

/// A page of addresses behind this one, and one more when another page follows.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    after: BlockedAddressId,
    size: PageSize,
) -> Result<Vec<BlockedAddress>> {
    let query = conn.query(LIST).bind(organization.0).bind(after.0).bind(size.limit_plus_one());
    let rows = query.all::<BlockedAddressRow>().await?;
    Ok(rows.into_iter().map(BlockedAddress::from).collect())
}

/// The blocked address of exactly this network.
pub(crate) async fn by_network(
    conn: &mut Connection,
    organization: OrganizationId,
    network: &str,
) -> Result<Option<BlockedAddress>> {
    let query = conn.query(BY_NETWORK).bind(organization.0).bind(network);
    Ok(query.optional::<BlockedAddressRow>().await?.map(BlockedAddress::from))
}

/// How many addresses the organization has blocked.
pub(crate) async fn count(conn: &mut Connection, organization: OrganizationId) -> Result<i64> {
    conn.query(COUNT).bind(organization.0).scalar().await
}

/// Stores a blocked address.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    address: &BlockedAddress,
) -> Result<()> {
    let insert = conn.query(INSERT).bind(organization.0).bind(address.id.0);
    let insert = insert.bind(&address.network).bind(&address.reason);
    insert.bind(Time(address.created_at)).execute().await?;
    Ok(())
}

/// Writes the reason.
pub(crate) async fn update(
    conn: &mut Connection,
    organization: OrganizationId,
    address: &BlockedAddress,
) -> Result<()> {
    let update = conn.query(UPDATE_REASON).bind(organization.0).bind(address.id.0);
    update.bind(&address.reason).execute().await?;
    Ok(())
}

/// Deletes a blocked address. False when there is none of this id.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    id: BlockedAddressId,
) -> Result<bool> {
    Ok(conn.query(DELETE).bind(organization.0).bind(id.0).execute().await? > 0)
}
