//! Pages of lists: page sizes and page tokens.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// Number of rows on a page, from 1 to [`PageSize::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    /// The largest page; larger requests are reduced to it.
    pub const MAX: u16 = 200;
    /// The page size of requests that name none.
    pub const DEFAULT: Self = Self(50);

    /// Creates a page size from a request, where 0 means "not set". `None` if it is negative.
    pub fn new(requested: i32) -> Option<Self> {
        match requested {
            0 => Some(Self::DEFAULT),
            1.. => Some(Self(u16::try_from(requested).unwrap_or(Self::MAX).min(Self::MAX))),
            _ => None,
        }
    }

    /// Returns the number of rows.
    pub fn rows(self) -> usize {
        usize::from(self.0)
    }

    /// Returns the limit for a query that reads one more row, to see whether another page follows.
    pub fn limit_plus_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

/// A page token that this server did not create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token that a list answered with")]
pub struct BadPageToken;

/// The key of the last row on a page, opaque to clients. It isn't signed, because with a forged
/// token a caller only starts elsewhere in the caller's own list.
#[derive(Debug)]
pub struct PageToken;

impl PageToken {
    /// Encodes a key.
    pub fn encode<K: Serialize>(key: &K) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).expect("a key is plain data"))
    }

    /// Decodes a key. An empty token means the first page.
    ///
    /// # Errors
    ///
    /// When the token doesn't contain a key of this type.
    pub fn decode<K: DeserializeOwned>(token: &str) -> Result<Option<K>, BadPageToken> {
        if token.is_empty() {
            return Ok(None);
        }
        let json = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadPageToken)?;
        serde_json::from_slice(&json).map(Some).map_err(|_| BadPageToken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_size_has_bounds() {
        assert_eq!(PageSize::new(0), Some(PageSize::DEFAULT));
        assert_eq!(PageSize::new(1_000_000).map(PageSize::rows), Some(200));
        assert_eq!(PageSize::new(-1), None);
    }

    proptest! {
        #[test]
        fn a_key_is_decoded_as_it_was_encoded(name in ".*", at: i64) {
            let token = PageToken::encode(&(&name, at));
            prop_assert_eq!(PageToken::decode(&token), Ok(Some((name, at))));
        }

        #[test]
        fn no_token_makes_decoding_panic(token in ".*") {
            let _: Result<Option<(String, i64)>, _> = PageToken::decode(&token);
        }
    }
}
