//! The server's keys, which are stored outside the database. The newest one signs and encrypts, all
//! of them verify and decrypt. Each purpose has its own derived key, so that a signature for
//! one purpose is not valid for another.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, KeyInit, Mac};
use onethread_core::{Entropy, OrganizationId};
use secrecy::{ExposeSecret, SecretBox};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// One key of the server.
pub(crate) struct ServerKey {
    id: String,
    claims: SecretBox<[u8; 32]>,
    tokens: SecretBox<[u8; 32]>,
    sealing: SecretBox<[u8; 32]>,
}

impl ServerKey {
    /// A key of this name, from at least 32 random bytes.
    pub(crate) fn new(id: String, secret: &[u8]) -> Self {
        let derive = |purpose: &str| SecretBox::new(Box::new(mac(secret, &[purpose.as_bytes()])));
        Self {
            id,
            claims: derive("onethread claims 1"),
            tokens: derive("onethread tokens 1"),
            sealing: derive("onethread sealing 1"),
        }
    }

    /// The name that is stored with what the key signed or encrypted.
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

/// A claim as it is stored: a keyed hash, so that the database alone is not enough to
/// test guesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// HMAC-SHA256 of organization, user id and `security_hash`.
    pub(crate) hash: Vec<u8>,
    /// The server key that hashed it.
    pub(crate) key: String,
}

/// A secret that is stored encrypted because it is needed again: the database alone doesn't reveal
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// The nonce, then the ciphertext of XChaCha20-Poly1305.
    pub(crate) bytes: Vec<u8>,
    /// The server key that encrypted it.
    pub(crate) key: String,
}

/// Bytes of a nonce: enough for random ones to be unique.
const NONCE_BYTES: usize = 24;

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

    /// The key that signs and encrypts.
    pub(crate) fn newest(&self) -> &ServerKey {
        self.0.last().expect("there is at least one key")
    }

    /// The key of this name.
    pub(crate) fn find(&self, id: &str) -> Option<&ServerKey> {
        self.0.iter().find(|key| key.id == id)
    }

    /// Encrypts a secret for one context, such as its row: in another it can't be decrypted.
    pub(crate) fn seal(&self, context: &[u8], secret: &[u8], entropy: &dyn Entropy) -> Sealed {
        let key = self.newest();
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let sealed =
            cipher(key).encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: context });
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed.expect("a secret is short"));
        Sealed { bytes, key: key.id.clone() }
    }

    /// Decrypts a secret in its context. `None` when it was changed, the context is another one, or
    /// its server key is missing.
    pub(crate) fn open(&self, context: &[u8], sealed: &Sealed) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.bytes.split_first_chunk::<NONCE_BYTES>()?;
        let cipher = cipher(self.find(&sealed.key)?);
        cipher.decrypt(&XNonce::from(*nonce), Payload { msg: rest, aad: context }).ok()
    }

    /// The claim that a `security_hash` makes.
    pub(crate) fn claim(&self, organization: OrganizationId, user_id: &str, proof: &str) -> Claim {
        let key = self.newest();
        Claim { hash: claim_hash(key, organization, user_id, proof).to_vec(), key: key.id.clone() }
    }

    /// Compares in constant time.
    pub(crate) fn check(
        &self,
        claim: &Claim,
        organization: OrganizationId,
        user_id: &str,
        proof: &str,
    ) -> Match {
        // A claim under a missing key can't be proven. An owner can reset it.
        let Some(key) = self.find(&claim.key) else { return Match::No };
        let hash = claim_hash(key, organization, user_id, proof);
        if !bool::from(hash.ct_eq(&claim.hash)) {
            Match::No
        } else if claim.key == self.newest().id {
            Match::Yes
        } else {
            Match::Stale
        }
    }
}

fn claim_hash(
    key: &ServerKey,
    organization: OrganizationId,
    user_id: &str,
    proof: &str,
) -> [u8; 32] {
    // With the lengths, ("ab", "c") and ("a", "bc") differ.
    let length = (user_id.len() as u64).to_be_bytes();
    let parts = [organization.0.as_bytes(), &length[..], user_id.as_bytes(), proof.as_bytes()];
    mac(key.claims.expose_secret(), &parts)
}

fn cipher(key: &ServerKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.sealing.expose_secret().into())
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
    fn a_claim_matches_only_its_secret_user_and_organization() {
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
    fn a_sealed_secret_opens_only_in_its_context_and_with_its_key() {
        let entropy = onethread_core::SeededEntropy::new(1);
        let old = keys(&["old"]);
        let sealed = old.seal(b"here", b"secret", &entropy);
        assert!(!sealed.bytes.windows(6).any(|part| part == b"secret"));
        assert_ne!(old.seal(b"here", b"secret", &entropy), sealed);
        assert_eq!(keys(&["old", "new"]).open(b"here", &sealed).unwrap(), b"secret");
        assert_eq!(old.open(b"there", &sealed), None);
        assert_eq!(keys(&["new"]).open(b"here", &sealed), None);
        for at in 0..sealed.bytes.len() {
            let mut changed = sealed.clone();
            changed.bytes[at] ^= 1;
            assert_eq!(old.open(b"here", &changed), None);
        }
        let short = Sealed { bytes: vec![0; 8], key: "old".to_owned() };
        assert_eq!(old.open(b"here", &short), None);
    }

    #[test]
    fn an_older_key_still_verifies_and_a_lost_one_does_not() {
        let here = OrganizationId(Uuid::from_u128(1));
        let claim = keys(&["old"]).claim(here, "u", "s");
        assert_eq!(keys(&["old", "new"]).check(&claim, here, "u", "s"), Match::Stale);
        assert_eq!(keys(&["new"]).check(&claim, here, "u", "s"), Match::No);
    }
}
