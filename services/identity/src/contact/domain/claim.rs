//! The claim of a user id: the `security_hash` that was bound to it. Login, API and import set it by
//! the one function here, so that the same always follows.

use super::contact::Contact;
use crate::{
    domain::{effects::Effects, keys::Claim},
    organization::domain::{
        audit::{Action, Actor},
        policy::Verified,
    },
};

impl Contact {
    /// Claims the user id. Sessions that didn't prove it become invalid.
    pub(crate) fn set_claim(&mut self, claim: Claim, actor: Actor) -> Effects {
        self.claim = Some(claim);
        self.claim_version += 1;
        Effects::none().audit(actor, Action::ClaimSet, self.id.0).revoke(self.id.0)
    }

    /// Removes the claim and what was verified of the user id. Sessions from before become
    /// invalid, claimed or not: the owner who resets has a reason to doubt them. Without a user id
    /// nothing changes.
    pub(crate) fn reset_claim(&mut self, actor: Actor, reason: String) -> Effects {
        if self.user_id.is_none() {
            return Effects::none();
        }
        self.claim = None;
        self.claim_version += 1;
        self.verified = Verified::None;
        let effects = Effects::none().revoke(self.id.0);
        effects.audit_with(actor, Action::ClaimReset, self.id.0, reason)
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::{ContactId, OrganizationId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::contact::domain::contact::Source;

    fn contact() -> Contact {
        let organization = OrganizationId(Uuid::from_u128(1));
        let id = ContactId(Uuid::from_u128(2));
        let contact = Contact::new(organization, id, Source::Identified, Timestamp::from_micros(0));
        Contact { user_id: Some("u".to_owned()), ..contact }
    }

    #[test]
    fn a_reset_revokes_the_sessions_of_an_unclaimed_user_id_too() {
        let mut contact = contact();
        let effects = contact.reset_claim(Actor::Operator, "stolen laptop".to_owned());
        assert_eq!(
            (effects.revoked.as_slice(), contact.claim_version),
            ([contact.id.0].as_slice(), 1)
        );
    }

    #[test]
    fn a_claim_revokes_the_sessions_and_is_audited_and_so_is_its_reset() {
        let mut contact = contact();
        let id = contact.id.0;
        let claim = Claim { hash: vec![1], key: "k".to_owned() };
        let effects = contact.set_claim(claim, Actor::Widget);
        assert_eq!(effects, Effects::none().audit(Actor::Widget, Action::ClaimSet, id).revoke(id));
        let version = contact.claim_version;
        let effects = contact.reset_claim(Actor::Operator, "why".to_owned());
        assert_eq!((effects.revoked.as_slice(), effects.audit.len()), ([id].as_slice(), 1));
        assert!(contact.claim.is_none() && contact.claim_version > version);
    }

    #[test]
    fn without_a_user_id_a_reset_changes_nothing() {
        let mut contact = Contact { user_id: None, ..contact() };
        let before = contact.clone();
        assert_eq!(contact.reset_claim(Actor::Operator, String::new()), Effects::none());
        assert_eq!(contact, before);
    }
}
