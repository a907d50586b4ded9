//! Keys that companies prove user ids with: sealed, at most two of an organization.

use std::sync::Arc;

use onethread_core::{IdentityKeyId, OrganizationId, Timestamp};
use onethread_db::{Conn, Error, Result, Time, on};
use sqlx::{query, query_as};

use super::{Store, audit, rows::IdentityKeyRow, sql};
use crate::domain::{
    audit::{Actor, Change},
    keys::{Sealed, ServerKeys},
    policy::{IdentityKey, KeyInfo},
};

/// The slots there are: so many keys live at once.
const SLOTS: [i64; 2] = [1, 2];

async fn rows(conn: &mut Conn<'_>, of: OrganizationId) -> Result<Vec<IdentityKeyRow>> {
    Ok(on!(conn, |c| query_as(sql::IDENTITY_KEYS).bind(of.0).fetch_all(&mut **c).await)?)
}

/// A key is sealed for its row.
fn place(of: OrganizationId, id: IdentityKeyId) -> Vec<u8> {
    [&b"identity key"[..], of.0.as_bytes(), id.0.as_bytes()].concat()
}

fn change(actor: Actor, action: &'static str, id: IdentityKeyId) -> Change {
    Change { actor, action, subject: id.to_string(), detail: String::new() }
}

/// The live keys, opened. One whose server key is gone proves nothing.
pub(super) async fn live(
    conn: &mut Conn<'_>,
    of: OrganizationId,
    keys: &ServerKeys,
) -> Result<Vec<IdentityKey>> {
    let opened = rows(conn, of).await?.into_iter().filter_map(|row| {
        let id = IdentityKeyId(row.id);
        let sealed = Sealed { bytes: row.sealed, key: row.sealed_with };
        let secret = String::from_utf8(keys.open(&place(of, id), &sealed)?).ok()?;
        Some(IdentityKey { id, secret: secret.into() })
    });
    Ok(opened.collect())
}

impl Store {
    /// The live keys, without their secrets.
    pub(crate) async fn identity_keys(&self, of: OrganizationId) -> Result<Vec<KeyInfo>> {
        let rows = self.db.read("identity_key.list", move |mut conn| {
            Box::pin(async move { rows(&mut conn, of).await })
        });
        let info = |row: IdentityKeyRow| KeyInfo {
            id: IdentityKeyId(row.id),
            created_at: row.created_at.into(),
        };
        Ok(rows.await?.into_iter().map(info).collect())
    }

    /// Stores a key. False when as many live as may.
    pub(crate) async fn add_identity_key(
        &self,
        of: OrganizationId,
        key: IdentityKey,
        keys: Arc<ServerKeys>,
        actor: Actor,
        now: Timestamp,
    ) -> Result<bool> {
        use secrecy::ExposeSecret;
        let secret = key.secret.expose_secret().as_bytes();
        let sealed = keys.seal(&place(of, key.id), secret, &*self.entropy);
        for _ in 0..=SLOTS.len() {
            let (sealed, entropy, id) = (sealed.clone(), self.entropy.clone(), key.id);
            let done = self.db.write("identity_key.add", move |mut conn| {
                Box::pin(async move {
                    let held = rows(&mut conn, of).await?;
                    let free = SLOTS.iter().find(|slot| !held.iter().any(|row| row.slot == **slot));
                    let Some(slot) = free else { return Ok(false) };
                    let stored = on!(&mut conn, |c| query(sql::INSERT_IDENTITY_KEY)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(slot)
                        .bind(&sealed.bytes)
                        .bind(&sealed.key)
                        .bind(Time(now))
                        .execute(&mut **c)
                        .await
                        .map(|done| done.rows_affected()))?;
                    if stored == 0 {
                        return Err(Error::Conflict);
                    }
                    let change = change(actor, "identity-key.create", id);
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(true)
                })
            });
            match done.await {
                Err(Error::Conflict) => {}
                settled => return settled,
            }
        }
        Err(Error::Conflict)
    }

    /// Ends a key. False when there is none of this id.
    pub(crate) async fn end_identity_key(
        &self,
        of: OrganizationId,
        id: IdentityKeyId,
        actor: Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let entropy = self.entropy.clone();
        self.db
            .write("identity_key.end", move |mut conn| {
                Box::pin(async move {
                    let ended = on!(&mut conn, |c| query(sql::DELETE_IDENTITY_KEY)
                        .bind(of.0)
                        .bind(id.0)
                        .execute(&mut **c)
                        .await
                        .map(|done| done.rows_affected()))?;
                    if ended == 1 {
                        let change = change(actor, "identity-key.end", id);
                        audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    }
                    Ok(ended == 1)
                })
            })
            .await
    }
}
