//! Keys that identify the person of a row.

use sha2::{Digest, Sha256};

/// The user id or email of a row, hashed to 128 bits, since a file may have tens of millions of
/// rows. Two rows of a file with the same key are about the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u64; 2]);

impl Key {
    /// A user id, compared byte for byte.
    pub(crate) fn user_id(user_id: &str) -> Self {
        Self::new(b'u', user_id.as_bytes())
    }

    /// An email, compared as identity compares them: without case and surrounding spaces.
    pub(crate) fn email(email: &str) -> Self {
        Self::new(b'e', email.trim().to_lowercase().as_bytes())
    }

    fn new(kind: u8, bytes: &[u8]) -> Self {
        let digest = Sha256::new().chain_update([kind]).chain_update(bytes).finalize();
        let half = |at: usize| {
            u64::from_be_bytes(digest[at..at + 8].try_into().expect("a digest has 32 bytes"))
        };
        Self([half(0), half(8)])
    }
}
