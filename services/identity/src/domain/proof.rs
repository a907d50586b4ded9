//! Whom a page names, and the secret that proves it. Neither is ever shown.

/// The longest `security_hash` and `user_hash`, in bytes.
const LONGEST_PROOF: usize = 1024;
/// The longest `user_jwt`, in bytes: a profile with all the attributes there may be fits in.
const LONGEST_JWT: usize = 200_000;

/// The company's own id of a person. It may itself be a secret: it is shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UserId(String);

impl UserId {
    /// From a text; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        // Each of these would put strangers into one thread.
        const ACCIDENTS: [&str; 4] = ["null", "undefined", "NaN", "[object Object]"];
        if text.is_empty() {
            Err("is empty")
        } else if text.len() > 255 {
            Err("is longer than 255 bytes")
        } else if text.chars().any(char::is_control) {
            Err("holds a control character")
        } else if ACCIDENTS.contains(&text) {
            Err("is a text that a page without a user prints")
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A proof that came along.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecurityHash(String);

impl SecurityHash {
    /// From a text; `Ok(None)` when it is empty, which counts as none.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        match text.len() {
            0 => Ok(None),
            1..=LONGEST_PROOF => Ok(Some(Self(text.to_owned()))),
            _ => Err("is longer than 1,024 bytes"),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecurityHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecurityHash(…)")
    }
}

/// A `user_hash` or `user_jwt` as it came.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SaidProof(String);

impl SaidProof {
    /// A `user_hash`; `Ok(None)` when it is empty, which counts as none.
    pub(crate) fn hash(text: &str) -> Result<Option<Self>, &'static str> {
        match text.len() {
            0 => Ok(None),
            1..=LONGEST_PROOF => Ok(Some(Self(text.to_owned()))),
            _ => Err("is longer than 1,024 bytes"),
        }
    }

    /// A `user_jwt`, likewise.
    pub(crate) fn jwt(text: &str) -> Result<Option<Self>, &'static str> {
        match text.len() {
            0 => Ok(None),
            1..=LONGEST_JWT => Ok(Some(Self(text.to_owned()))),
            _ => Err("is longer than 200,000 bytes"),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SaidProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SaidProof(…)")
    }
}
