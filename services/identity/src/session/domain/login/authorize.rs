//! Checks the proof of a user id under the organization's policy.

use onethread_core::IdentityKeyId;

use super::Login;
use crate::{
    contact::domain::{
        contact::Contact,
        profile::{ProfilePatch, Warning},
        user_details::{UserClaims, read_profile},
    },
    domain::{
        effects::Effects,
        keys::{Claim, Match, ServerKeys},
    },
    organization::domain::{
        audit::Actor,
        policy::{Policy, Rules, Verified},
    },
    session::domain::signed,
};

/// The verdict on the proof that came with a user id.
pub(super) enum Verdict {
    Rejected,
    /// No proof is needed.
    Unverified,
    /// The first `security_hash` of the user id, which claims it.
    Claims(Claim),
    /// The claimed `security_hash`; with the claim under the newest server key, where the stored
    /// one is under an older key.
    Claimed(Option<Claim>),
    /// The right `user_hash` under this key.
    Hmac(IdentityKeyId),
    /// A valid `user_jwt` under this key, and the profile in it.
    Jwt(IdentityKeyId, Box<UserClaims>),
}

impl Verdict {
    /// The identity key that proved the user id.
    pub(super) fn identity_key(&self) -> Option<IdentityKeyId> {
        match self {
            Self::Hmac(key) | Self::Jwt(key, _) => Some(*key),
            Self::Rejected | Self::Unverified | Self::Claims(_) | Self::Claimed(_) => None,
        }
    }

    /// Applies it to the contact. Returns how the user id is verified, what follows from a claim,
    /// and the profile to use instead of the page's.
    pub(super) fn apply(
        self,
        contact: &mut Contact,
    ) -> (Verified, Effects, Option<(ProfilePatch, Vec<Warning>)>) {
        let mut effects = Effects::none();
        let mut profile = None;
        let verified = match self {
            Self::Rejected | Self::Unverified => Verified::None,
            Self::Claims(claim) => {
                effects = contact.set_claim(claim, Actor::Widget);
                Verified::SecurityHash
            }
            Self::Claimed(renewed) => {
                contact.claim = renewed.or_else(|| contact.claim.take());
                Verified::SecurityHash
            }
            Self::Hmac(_) => Verified::Hmac,
            Self::Jwt(_, claims) => {
                // The page's own profile is not signed.
                profile = Some(read_profile(&claims));
                Verified::Jwt
            }
        };
        // An unproven login takes the badge away: from now on the thread is read without a proof.
        contact.verified = verified;
        (verified, effects, profile)
    }
}

/// Checks the proof under a policy.
pub(super) fn authorize(
    policy: Policy,
    contact: &Contact,
    login: &Login,
    rules: &Rules,
    keys: &ServerKeys,
) -> Verdict {
    let proofs = &login.proofs;
    match policy {
        Policy::Optional => check_claim(contact, login, keys, Verdict::Unverified),
        Policy::SecurityHash => check_claim(contact, login, keys, Verdict::Rejected),
        Policy::Hmac => {
            let proof = proofs.user_hash.as_ref();
            proof
                .and_then(|proof| signed::key_of_hash(&rules.keys, &login.user_id, proof))
                .map_or(Verdict::Rejected, Verdict::Hmac)
        }
        Policy::Jwt => {
            let token = proofs.user_jwt.as_ref();
            token
                .and_then(|token| signed::read_jwt(rules, &login.user_id, token, login.now))
                .map_or(Verdict::Rejected, |(key, claims)| Verdict::Jwt(key, Box::new(claims)))
        }
    }
}

/// The first `security_hash` claims the user id, from then on the same one is needed.
/// `without_proof` is the verdict where neither a proof nor a claim exists.
fn check_claim(
    contact: &Contact,
    login: &Login,
    keys: &ServerKeys,
    without_proof: Verdict,
) -> Verdict {
    let (organization, user_id) = (login.organization_id, login.user_id.as_str());
    match (&contact.claim, &login.proofs.security_hash) {
        (None, None) => without_proof,
        (None, Some(proof)) => Verdict::Claims(keys.claim(organization, user_id, proof.as_str())),
        (Some(_), None) => Verdict::Rejected,
        (Some(claim), Some(proof)) => {
            match keys.check(claim, organization, user_id, proof.as_str()) {
                Match::No => Verdict::Rejected,
                Match::Yes => Verdict::Claimed(None),
                Match::Stale => {
                    Verdict::Claimed(Some(keys.claim(organization, user_id, proof.as_str())))
                }
            }
        }
    }
}
