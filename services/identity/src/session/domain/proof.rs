//! User ids and the secrets that prove them. Neither is ever shown.

/// Longest `security_hash` and `user_hash`, in bytes.
const MAX_HASH_BYTES: usize = 1024;
/// Longest `user_jwt`, in bytes: enough for a profile with the most attributes.
const MAX_JWT_BYTES: usize = 200_000;

/// The id that the organization's own system has for a contact. It may itself be a secret, so
/// `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct UserId(String);

impl UserId {
    /// Validates a text.
    ///
    /// # Errors
    ///
    /// Why the text is invalid.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            Err("is empty")
        } else if text.len() > 255 {
            Err("is longer than 255 bytes")
        } else if text.chars().any(char::is_control) {
            Err("holds a control character")
        } else if is_placeholder(text) {
            Err("is a text that a page without a user prints")
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// True for texts of pages without a user, and for templates that were not filled in. With such an
/// id, different users would share one conversation.
fn is_placeholder(text: &str) -> bool {
    const WORDS: [&str; 8] = ["null", "none", "nil", "undefined", "nan", "false", "true", "0"];
    const TEMPLATES: [(&str, &str); 4] =
        [("[object ", "]"), ("{{", "}}"), ("<%", "%>"), ("${", "}")];
    let text = text.trim().to_lowercase();
    let is_template = |(start, end): &(&str, &str)| text.starts_with(start) && text.ends_with(end);
    WORDS.contains(&text.as_str()) || TEMPLATES.iter().any(is_template)
}

impl std::fmt::Debug for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserId(…)")
    }
}

/// A `security_hash` as received.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecurityHash(String);

impl SecurityHash {
    /// Validates a text. `Ok(None)` when it is empty, which counts as none.
    ///
    /// # Errors
    ///
    /// Why the text is invalid.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, &'static str> {
        match text.len() {
            0 => Ok(None),
            1..=MAX_HASH_BYTES => Ok(Some(Self(text.to_owned()))),
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

/// A `user_hash` or `user_jwt` as received.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PresentedProof(String);

impl PresentedProof {
    /// Validates a `user_hash`. `Ok(None)` when it is empty, which counts as none.
    ///
    /// # Errors
    ///
    /// Why the text is invalid.
    pub(crate) fn hash(text: &str) -> Result<Option<Self>, &'static str> {
        match text.len() {
            0 => Ok(None),
            1..=MAX_HASH_BYTES => Ok(Some(Self(text.to_owned()))),
            _ => Err("is longer than 1,024 bytes"),
        }
    }

    /// Validates a `user_jwt`. `Ok(None)` when it is empty, which counts as none.
    ///
    /// # Errors
    ///
    /// Why the text is invalid.
    pub(crate) fn jwt(text: &str) -> Result<Option<Self>, &'static str> {
        match text.len() {
            0 => Ok(None),
            1..=MAX_JWT_BYTES => Ok(Some(Self(text.to_owned()))),
            _ => Err("is longer than 200,000 bytes"),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PresentedProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PresentedProof(…)")
    }
}
