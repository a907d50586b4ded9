//! Claims that are made or reset from the company's side.

use std::sync::Arc;

use onethread_core::{ContactId, OrganizationId, Timestamp};
use onethread_db::Result;

use super::{
    Store, audit,
    contacts::{self, Lock},
    revocations,
};
use crate::domain::{
    audit::{Actor, Change},
    keys::ServerKeys,
    proof::SecurityHash,
};

/// What came of a claim made beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClaimSet {
    Done,
    NotFound,
    NoUserId,
    /// Somebody was first.
    Claimed,
}

impl Store {
    /// Claims a contact's user id, where nobody has.
    pub(crate) async fn set_claim(
        &self,
        of: OrganizationId,
        id: ContactId,
        proof: SecurityHash,
        keys: Arc<ServerKeys>,
        actor: Actor,
        now: Timestamp,
    ) -> Result<ClaimSet> {
        let entropy = self.entropy.clone();
        self.db
            .write("claim.set", move |mut conn| {
                Box::pin(async move {
                    let Some(mut contact) = contacts::by_id(&mut conn, of, id, Lock::Yes).await?
                    else {
                        return Ok(ClaimSet::NotFound);
                    };
                    let Some(user_id) = contact.user_id.clone() else {
                        return Ok(ClaimSet::NoUserId);
                    };
                    if contact.claim.is_some() {
                        return Ok(ClaimSet::Claimed);
                    }
                    contact.claim_with(keys.claim(of, &user_id, proof.as_str()));
                    contacts::update(&mut conn, &contact).await?;
                    revocations::insert(&mut conn, of, &[id.0], now, &*entropy).await?;
                    let change = Change {
                        actor,
                        action: "claim.set",
                        subject: id.to_string(),
                        detail: String::new(),
                    };
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(ClaimSet::Done)
                })
            })
            .await
    }

    /// Takes a claim away. False when there is no such contact.
    pub(crate) async fn reset_claim(
        &self,
        of: OrganizationId,
        id: ContactId,
        reason: String,
        actor: Actor,
        now: Timestamp,
    ) -> Result<bool> {
        let entropy = self.entropy.clone();
        self.db
            .write("claim.reset", move |mut conn| {
                Box::pin(async move {
                    let Some(mut contact) = contacts::by_id(&mut conn, of, id, Lock::Yes).await?
                    else {
                        return Ok(false);
                    };
                    if contact.claim.is_none() {
                        return Ok(true);
                    }
                    contact.reset_claim();
                    contacts::update(&mut conn, &contact).await?;
                    revocations::insert(&mut conn, of, &[id.0], now, &*entropy).await?;
                    let (action, subject) = ("claim.reset", id.to_string());
                    let change = Change { actor, action, subject, detail: reason };
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(true)
                })
            })
            .await
    }
}
