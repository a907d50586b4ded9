//! The server's keys: kept outside the database, any number verify, the newest writes. Each use
//! has a key of its own, derived, so that what one use signs means nothing to another.

use hmac::{Hmac, KeyInit, Mac};
use onethread_core::OrganizationId;
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// One key of the server.
pub(crate) struct ServerKey {
    id: String,
    claims: SecretBox<[u8; 32]>,
    tokens: SecretBox<[u8; 32]>,
}

impl ServerKey {
    /// From a name and at least 32 random bytes.
    pub(crate) fn new(id: String, secret: &[u8]) -> Self {
        let derive = |purpose: &str| SecretBox::new(Box::new(mac(secret, &[purpose.as_bytes()])));
        Self { id, claims: derive("onethread claims 1"), tokens: derive("onethread tokens 1") }
    }

    /// Names the key beside what it made.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The key that signs tokens.
    pub(crate) fn token_secret(&self) -> &[u8] {
        self.tokens.expose_secret()
    }
}

/// The server's keys, at least one, the newest last.
pub(crate) struct ServerKeys(Vec<ServerKey>);

/// A claim as it is stored: a keyed hash, so that the database alone gives nothing to try
/// guesses against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// HMAC-SHA256 of organization, user id and `security_hash`.
    pub(crate) hash: Vec<u8>,
    /// The server key it was made with.
    pub(crate) key: String,
}

/// How a proof compares with a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// Another secret.
    No,
    /// The same.
    Yes,
    /// The same, but the claim was written with an older key.
    Stale,
}

impl ServerKeys {
    /// `None` without a key.
    pub(crate) fn new(keys: Vec<ServerKey>) -> Option<Self> {
        if keys.is_empty() { None } else { Some(Self(keys)) }
    }

    /// The key that writes.
    pub(crate) fn newest(&self) -> &ServerKey {
        self.0.last().expect("there is at least one key")
    }

    /// The key of this name.
    pub(crate) fn find(&self, id: &str) -> Option<&ServerKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// The claim that a `security_hash` makes.
    pub(crate) fn claim(&self, of: OrganizationId, user_id: &str, proof: &str) -> Claim {
        let key = self.newest();
        Claim { hash: claim_hash(key, of, user_id, proof).to_vec(), key: key.id.clone() }
    }

    /// Compares in constant time.
    pub(crate) fn check(
        &self,
        claim: &Claim,
        of: OrganizationId,
        user_id: &str,
        proof: &str,
    ) -> Match {
        // A claim under a key that is gone can't be proven; an owner resets it.
        let Some(key) = self.find(&claim.key) else { return Match::No };
        let hash = claim_hash(key, of, user_id, proof);
        if !bool::from(hash.ct_eq(&claim.hash)) {
            Match::No
        } else if claim.key == self.newest().id {
            Match::Yes
        } else {
            Match::Stale
        }
    }
}

fn claim_hash(key: &ServerKey, of: OrganizationId, user_id: &str, proof: &str) -> [u8; 32] {
    // The length in front keeps ("ab", "c") and ("a", "bc") apart.
    let length = (user_id.len() as u64).to_be_bytes();
    let parts = [of.0.as_bytes(), &length[..], user_id.as_bytes(), proof.as_bytes()];
    mac(key.claims.expose_secret(), &parts)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length of key does");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

impl std::fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(ServerKey::id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn keys(names: &[&str]) -> ServerKeys {
        let key = |name: &&str| ServerKey::new((*name).to_owned(), name.as_bytes());
        ServerKeys::new(names.iter().map(key).collect()).unwrap()
    }

    #[test]
    fn a_claim_matches_its_own_secret_person_and_tenant_alone() {
        let keys = keys(&["a"]);
        let here = OrganizationId(Uuid::from_u128(1));
        let claim = keys.claim(here, "12345", "secret");
        assert_eq!(keys.check(&claim, here, "12345", "secret"), Match::Yes);
        assert_eq!(keys.check(&claim, here, "12345", "secret2"), Match::No);
        assert_eq!(keys.check(&claim, here, "1234", "5secret"), Match::No);
        let elsewhere = OrganizationId(Uuid::from_u128(2));
        assert_eq!(keys.check(&claim, elsewhere, "12345", "secret"), Match::No);
    }

    #[test]
    fn an_older_key_still_verifies_and_a_lost_one_does_not() {
        let here = OrganizationId(Uuid::from_u128(1));
        let claim = keys(&["old"]).claim(here, "u", "s");
        assert_eq!(keys(&["old", "new"]).check(&claim, here, "u", "s"), Match::Stale);
        assert_eq!(keys(&["new"]).check(&claim, here, "u", "s"), Match::No);
    }
}
