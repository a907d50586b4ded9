//! What an organization requires as proof of a user id, and how a contact's was proven.

use super::{identity_key::IdentityKey, settings::Settings};

/// What is required with a `user_id`, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Policy {
    /// Nothing until a `security_hash` was sent once, from then on the same one.
    #[default]
    Optional,
    /// A `security_hash` always.
    SecurityHash,
    /// A `user_hash` under an identity key.
    Hmac,
    /// A `user_jwt` under an identity key.
    Jwt,
}

impl Policy {
    /// The name in storage and in the JSON API.
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }

    /// True when proofs are checked with identity keys.
    pub(crate) fn uses_keys(self) -> bool {
        matches!(self, Self::Hmac | Self::Jwt)
    }
}

/// How a user id was proven, weakest first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Default,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Verified {
    #[default]
    None,
    SecurityHash,
    Hmac,
    Jwt,
}

impl Verified {
    /// The name in storage and in the JSON API.
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }

    /// The value of this name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// What a login is checked against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) settings: Settings,
    /// The identity keys, when the policy is checked with them.
    pub(crate) keys: Vec<IdentityKey>,
}
