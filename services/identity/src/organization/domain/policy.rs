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

/// The policies that were enforced before the present one. A session that one of them has ended stays
/// ended when a weaker policy follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PolicyHistory {
    /// Number of changes of the enforced policy.
    pub(crate) version: i64,
    /// The last version at which at least a `security_hash` was required; -1 for never.
    pub(crate) hash_required_at: i64,
    /// The same for a `user_hash`.
    pub(crate) hmac_required_at: i64,
    /// The same for a `user_jwt`.
    pub(crate) jwt_required_at: i64,
}

impl Default for PolicyHistory {
    fn default() -> Self {
        Self { version: 0, hash_required_at: -1, hmac_required_at: -1, jwt_required_at: -1 }
    }
}

impl PolicyHistory {
    /// The history when another policy follows the one that is enforced.
    pub(crate) fn after(self, enforced: Policy) -> Self {
        let at = self.version;
        let mut next = Self { version: at + 1, ..self };
        if enforced != Policy::Optional {
            next.hash_required_at = at;
        }
        if matches!(enforced, Policy::Hmac | Policy::Jwt) {
            next.hmac_required_at = at;
        }
        if enforced == Policy::Jwt {
            next.jwt_required_at = at;
        }
        next
    }

    /// True when a session that began at this version, with this proof, has been ended by a policy.
    pub(crate) fn has_ended(&self, version: i64, proven: Verified) -> bool {
        let more_required_at = match proven {
            Verified::None => self.hash_required_at,
            Verified::SecurityHash => self.hmac_required_at,
            Verified::Hmac => self.jwt_required_at,
            Verified::Jwt => return false,
        };
        version <= more_required_at
    }
}

/// What a login is checked against.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) settings: Settings,
    /// The identity keys, when the policy is checked with them.
    pub(crate) keys: Vec<IdentityKey>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_a_policy_ended_stays_ended() {
        let first = PolicyHistory::default();
        let strict = first.after(Policy::Optional);
        let weak = strict.after(Policy::Hmac);
        for (proven, is_ended) in [
            (Verified::None, true),
            (Verified::SecurityHash, true),
            (Verified::Hmac, false),
            (Verified::Jwt, false),
        ] {
            assert!(!first.has_ended(first.version, proven));
            assert_eq!(weak.has_ended(first.version, proven), is_ended, "{proven:?}");
            assert!(!weak.has_ended(weak.version, proven), "it began afterwards");
        }
        let weaker = weak.after(Policy::SecurityHash);
        assert!(weaker.has_ended(weak.version, Verified::None));
        assert!(!weaker.has_ended(weak.version, Verified::SecurityHash));
    }
}
