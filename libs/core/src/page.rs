//! Pages of lists: how long one may be, and where the next one begins.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// Rows a page, from 1 to [`PageSize::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

impl PageSize {
    /// The longest page; a longer wish is cut to it.
    pub const MAX: u16 = 200;
    /// What counts where nothing is asked for.
    pub const DEFAULT: Self = Self(50);

    /// From the wire, where 0 is "not said". `None` below that.
    pub fn new(wanted: i32) -> Option<Self> {
        match wanted {
            0 => Some(Self::DEFAULT),
            1.. => Some(Self(u16::try_from(wanted).unwrap_or(Self::MAX).min(Self::MAX))),
            _ => None,
        }
    }

    /// As a row count.
    pub fn rows(self) -> usize {
        usize::from(self.0)
    }

    /// As the limit of a query that reads one row more, to see whether another page follows.
    pub fn limit_and_one(self) -> i64 {
        i64::from(self.0) + 1
    }
}

/// A page token that this server did not give out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a token that a list answered with")]
pub struct BadPageToken;

/// Where a list goes on: the key of the last row seen, opaque to clients. It is not signed: a
/// made-up one only begins elsewhere in the caller's own list.
#[derive(Debug)]
pub struct PageToken;

impl PageToken {
    /// Packs a key.
    pub fn encode<K: Serialize>(key: &K) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).expect("a key is plain data"))
    }

    /// Unpacks a key; an empty token is the first page.
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
    fn a_page_has_bounds() {
        assert_eq!(PageSize::new(0), Some(PageSize::DEFAULT));
        assert_eq!(PageSize::new(1_000_000).map(PageSize::rows), Some(200));
        assert_eq!(PageSize::new(-1), None);
    }

    proptest! {
        #[test]
        fn any_key_comes_back(name in ".*", at: i64) {
            let token = PageToken::encode(&(&name, at));
            prop_assert_eq!(PageToken::decode(&token), Ok(Some((name, at))));
        }

        #[test]
        fn no_text_makes_it_panic(token in ".*") {
            let _: Result<Option<(String, i64)>, _> = PageToken::decode(&token);
        }
    }
}
