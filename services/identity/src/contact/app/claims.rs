//! Claims that agents or the API set and reset.

use onethread_core::{ContactId, OrganizationId};
use onethread_db::transaction;
use onethread_errors::{Error, Reason, Result};

use crate::{
    app::App,
    contact::{domain::fields, store::contacts},
    organization::domain::audit::Actor,
    session::domain::proof::SecurityHash,
};

impl App {
    /// Claims a contact's user id before a page does.
    ///
    /// # Errors
    ///
    /// `NotFound`, `NoUserId`, `ClaimExists`, and an invalid `security_hash`.
    pub(crate) async fn set_claim(
        &self,
        organization: OrganizationId,
        id: ContactId,
        security_hash: &str,
        actor: Actor,
    ) -> Result<()> {
        let invalid = |detail| Error::invalid("security_hash", detail);
        let proof = SecurityHash::parse(security_hash).map_err(invalid)?;
        let proof = proof.ok_or_else(|| invalid("is empty"))?;
        transaction!(self.db, "claim.set", |tx| {
            let contact = contacts::locked_by_id(tx, organization, id).await?;
            let mut contact = contact.ok_or_else(Error::not_found)?;
            let user_id = contact.user_id.as_deref().ok_or(Reason::NoUserId).map_err(Error::new)?;
            if contact.claim.is_some() {
                return Err(Error::new(Reason::ClaimExists));
            }
            let claim = self.keys.claim(organization, user_id, proof.as_str());
            let effects = contact.set_claim(claim, actor);
            contacts::update(tx, &contact).await?;
            self.record(tx, organization, effects).await
        })
    }

    /// Removes a claim, for a reason that the audit log shows.
    ///
    /// # Errors
    ///
    /// `NotFound`, and an invalid reason.
    pub(crate) async fn reset_claim(
        &self,
        organization: OrganizationId,
        id: ContactId,
        reason: String,
        actor: Actor,
    ) -> Result<()> {
        let check =
            if reason.trim().is_empty() { Err("is empty") } else { fields::reason(&reason) };
        check.map_err(|detail| Error::invalid("reason", detail))?;
        transaction!(self.db, "claim.reset", |tx| {
            let before = contacts::locked_by_id(tx, organization, id).await?;
            let before = before.ok_or_else(Error::not_found)?;
            let mut after = before.clone();
            let effects = after.reset_claim(actor, reason.clone());
            if after != before {
                contacts::update(tx, &after).await?;
            }
            self.record(tx, organization, effects).await
        })
    }
}
