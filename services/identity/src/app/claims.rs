//! Claims that are made or reset from the company's side.

use onethread_core::{ContactId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::{
    domain::{audit::Actor, fields, proof::SecurityHash},
    store::ClaimSet,
};

impl App {
    /// Claims a contact's user id before any page does.
    pub(crate) async fn set_claim(
        &self,
        of: OrganizationId,
        id: ContactId,
        security_hash: &str,
        actor: Actor,
    ) -> Result<()> {
        let wrong = |detail| Error::invalid("/securityHash", detail);
        let proof = SecurityHash::parse(security_hash).map_err(wrong)?;
        let proof = proof.ok_or_else(|| wrong("is empty"))?;
        let (keys, now) = (self.keys.clone(), self.clock.now());
        match self.store.set_claim(of, id, proof, keys, actor, now).await? {
            ClaimSet::Done => Ok(()),
            ClaimSet::NotFound => Err(Error::not_found()),
            ClaimSet::NoUserId => Err(Error::new(Reason::NoUserId)),
            ClaimSet::Claimed => Err(Error::new(Reason::ClaimExists)),
        }
    }

    /// Takes a claim away, for a reason that is written down.
    pub(crate) async fn reset_claim(
        &self,
        of: OrganizationId,
        id: ContactId,
        reason: String,
        actor: Actor,
    ) -> Result<()> {
        let check =
            if reason.trim().is_empty() { Err("is empty") } else { fields::reason(&reason) };
        check.map_err(|detail| Error::invalid("/reason", detail))?;
        let found = self.store.reset_claim(of, id, reason, actor, self.clock.now()).await?;
        if found { Ok(()) } else { Err(Error::not_found()) }
    }
}
