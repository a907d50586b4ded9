//! API keys.

use onethread_core::{ApiKeyId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Connection, Result, Time};
use uuid::Uuid;

use crate::{
    domain::tokens::RandomToken,
    team::domain::api_key::{ApiKey, ListedApiKey},
};

const BY_HASH: &str = "SELECT id FROM api_keys WHERE organization_id = $1 AND key_hash = $2";
const LIST: &str =
    "SELECT id, name, created_at FROM api_keys WHERE organization_id = $1 AND id > $2
     ORDER BY id LIMIT $3";
const INSERT: &str = "INSERT INTO api_keys (organization_id, id, key_hash, name, created_at)
     VALUES ($1, $2, $3, $4, $5)";
const DELETE: &str = "DELETE FROM api_keys WHERE organization_id = $1 AND id = $2";

/// The key with this secret.
pub(crate) async fn by_token(conn: &mut Connection, token: &RandomToken) -> Result<Option<ApiKey>> {
    let organization_id = token.organization_id;
    let query = conn.query(BY_HASH).bind(organization_id.0).bind(&token.hash);
    let id = query.optional_scalar::<Uuid>().await?;
    Ok(id.map(|id| ApiKey { organization_id, id: ApiKeyId(id) }))
}

/// A page of keys behind this one, and one more when another page follows.
pub(crate) async fn page(
    conn: &mut Connection,
    organization: OrganizationId,
    after: ApiKeyId,
    size: PageSize,
) -> Result<Vec<ListedApiKey>> {
    let query = conn.query(LIST).bind(organization.0).bind(after.0).bind(size.limit_plus_one());
    let rows = query.all::<(Uuid, String, Time)>().await?;
    let key = |(id, name, created_at): (Uuid, String, Time)| ListedApiKey {
        id: ApiKeyId(id),
        name,
        created_at: created_at.0,
    };
    Ok(rows.into_iter().map(key).collect())
}

/// Stores a key by the hash of its secret.
pub(crate) async fn insert(
    conn: &mut Connection,
    id: ApiKeyId,
    token: &RandomToken,
    name: &str,
    now: Timestamp,
) -> Result<()> {
    let insert = conn.query(INSERT).bind(token.organization_id.0).bind(id.0);
    insert.bind(&token.hash).bind(name).bind(Time(now)).execute().await?;
    Ok(())
}

/// Deletes a key. False when there is none of this id.
pub(crate) async fn delete(
    conn: &mut Connection,
    organization: OrganizationId,
    id: ApiKeyId,
) -> Result<bool> {
    Ok(conn.query(DELETE).bind(organization.0).bind(id.0).execute().await? > 0)
}
