//! Identity keys, sealed.

use onethread_core::{IdentityKeyId, OrganizationId, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use crate::{domain::keys::Sealed, organization::domain::identity_key::SealedIdentityKey};

pub(crate) const LIST: &str = "SELECT id, slot, sealed, sealed_with, created_at FROM identity_keys
     WHERE organization_id = $1 ORDER BY created_at, id";
// Inserts nothing when another process used the slot first.
const INSERT: &str =
    "INSERT INTO identity_keys (organization_id, id, slot, sealed, sealed_with, created_at)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
const DELETE: &str = "DELETE FROM identity_keys WHERE organization_id = $1 AND id = $2";

#[derive(onethread_db::FromRow)]
pub(crate) struct IdentityKeyRow {
    id: Uuid,
    slot: i64,
    sealed: Vec<u8>,
    sealed_with: String,
    created_at: Time,
}

impl From<IdentityKeyRow> for SealedIdentityKey {
    fn from(row: IdentityKeyRow) -> Self {
        Self {
            id: IdentityKeyId(row.id),
            slot: row.slot,
            sealed: Sealed { bytes: row.sealed, key: row.sealed_with },
            created_at: row.created_at.into(),
        }
    }
}

/// The keys of an organization, oldest first.
pub(crate) async fn list(
    conn: &mut Connection,
    organization: OrganizationId,
) -> Result<Vec<SealedIdentityKey>> {
    let rows = conn.query(LIST).bind(organization.0).all::<IdentityKeyRow>().await?;
    Ok(rows.into_iter().map(SealedIdentityKey::from).collect())
}

/// Stores a key. False when another process used its slot first.
pub(crate) async fn insert(
    conn: &mut Connection,
    organization: OrganizationId,
    id: IdentityKeyId,
    slot: i64,
    sealed: &Sealed,
    now: Timestamp,
) -> Result<bool> {
    let insert = conn.query(INSERT).bind(organization.0).bind(id.0).bind(slot);
    let insert = insert.bind(&sealed.bytes).bind(&sealed.key).bind(Time(now));
    Ok(insert.execute().await? > 0)
}

/// Deletes a key. False when there is none of this id.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    id: IdentityKeyId,
) -> Result<bool> {
    Ok(conn.query(DELETE).bind(organization.0).bind(id.0).execute().await? > 0)
}
