//! What an organization asks for as proof of a user id, and how somebody's was proven.

use onethread_core::{IdentityKeyId, Timestamp};
use secrecy::SecretString;

/// What is needed with a `user_id`, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Policy {
    /// Nothing until a `security_hash` has come once, from then on the same one.
    #[default]
    Optional,
    /// A `security_hash` always.
    SecurityHash,
    /// A `user_hash` under a live identity key.
    Hmac,
    /// A `user_jwt` under a live identity key.
    Jwt,
}

impl Policy {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::Optional, "optional"),
        (Self::SecurityHash, "security_hash"),
        (Self::Hmac, "hmac"),
        (Self::Jwt, "jwt"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(policy, _)| *policy == self).map_or("optional", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(policy, _)| *policy)
    }

    /// True when its check is made with identity keys.
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
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verified {
    #[default]
    None,
    SecurityHash,
    Hmac,
    Jwt,
}

impl Verified {
    const NAMES: [(Self, &'static str); 4] = [
        (Self::None, "none"),
        (Self::SecurityHash, "security_hash"),
        (Self::Hmac, "hmac"),
        (Self::Jwt, "jwt"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(proven, _)| *proven == self).map_or("none", |(_, name)| name)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(proven, _)| *proven)
    }
}

/// What an organization has settled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The domain that names it.
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// The policy only counts what it would refuse; `optional` is enforced.
    pub(crate) report_only: bool,
}

impl Settings {
    /// The policy that decides.
    pub(crate) fn enforced(&self) -> Policy {
        if self.report_only { Policy::Optional } else { self.policy }
    }
}

/// Changes to an organization's settings; what is absent stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsPatch {
    pub(crate) name: Option<String>,
    pub(crate) policy: Option<Policy>,
    pub(crate) report_only: Option<bool>,
}

impl SettingsPatch {
    /// The settings after the change.
    pub(crate) fn applied(&self, held: &Settings) -> Settings {
        Settings {
            name: self.name.clone().unwrap_or_else(|| held.name.clone()),
            policy: self.policy.unwrap_or(held.policy),
            report_only: self.report_only.unwrap_or(held.report_only),
        }
    }
}

/// What a login is judged by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) settings: Settings,
    /// The live identity keys, where the policy is checked with them.
    pub(crate) keys: Vec<IdentityKey>,
}

/// A key that a company proves user ids with.
#[derive(Debug, Clone)]
pub(crate) struct IdentityKey {
    pub(crate) id: IdentityKeyId,
    pub(crate) secret: SecretString,
}

/// What is told of an identity key once it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyInfo {
    pub(crate) id: IdentityKeyId,
    pub(crate) created_at: Timestamp,
}
