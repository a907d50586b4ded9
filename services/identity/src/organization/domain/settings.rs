//! Settings of an organization, and what a change of them revokes.

use onethread_core::OrganizationId;

use super::{
    audit::{Action, Actor},
    policy::{Policy, PolicyHistory},
};
use crate::domain::effects::Effects;

/// Settings of an organization.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The domain that names it.
    pub(crate) name: String,
    pub(crate) policy: Policy,
    /// The policy only counts what it would reject; `optional` is enforced.
    pub(crate) report_only: bool,
    /// The policies that were enforced before.
    pub(crate) history: PolicyHistory,
}

/// Changes of settings; `None` leaves a setting.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingsPatch {
    pub(crate) name: Option<String>,
    pub(crate) policy: Option<Policy>,
    pub(crate) report_only: Option<bool>,
}

impl Settings {
    /// The policy that is enforced.
    pub(crate) fn enforced(&self) -> Policy {
        if self.report_only { Policy::Optional } else { self.policy }
    }

    /// The settings after a change, and what follows. All sessions of the organization are checked
    /// again when another policy is enforced. `None` when nothing changes.
    pub(crate) fn change(
        &self,
        organization: OrganizationId,
        patch: &SettingsPatch,
        actor: Actor,
    ) -> Option<(Self, Effects)> {
        let after = Self {
            name: patch.name.clone().unwrap_or_else(|| self.name.clone()),
            policy: patch.policy.unwrap_or(self.policy),
            report_only: patch.report_only.unwrap_or(self.report_only),
            history: self.history,
        };
        if after == *self {
            return None;
        }
        let (action, detail) = (Action::OrganizationChange, self.difference(&after));
        let effects = Effects::none().audit_with(actor, action, organization.0, detail);
        if after.enforced() == self.enforced() {
            Some((after, effects))
        } else {
            let history = self.history.after(self.enforced());
            Some((Self { history, ..after }, effects.revoke(organization.0)))
        }
    }

    /// What differs, for the audit log.
    fn difference(&self, after: &Self) -> String {
        let mut changes = Vec::new();
        if self.name != after.name {
            changes.push(format!("name: {} to {}", self.name, after.name));
        }
        if self.policy != after.policy {
            changes.push(format!("policy: {} to {}", self.policy.name(), after.policy.name()));
        }
        if self.report_only != after.report_only {
            changes.push(format!("reportOnly: {} to {}", self.report_only, after.report_only));
        }
        changes.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn policy() -> impl Strategy<Value = Policy> {
        use Policy::{Hmac, Jwt, Optional, SecurityHash};
        prop_oneof![Just(Optional), Just(SecurityHash), Just(Hmac), Just(Jwt)]
    }

    fn patch() -> impl Strategy<Value = SettingsPatch> {
        let name = prop::option::of(prop_oneof![Just("a.example"), Just("b.example")]);
        let rest = (prop::option::of(policy()), prop::option::of(any::<bool>()));
        (name, rest).prop_map(|(name, (policy, report_only))| SettingsPatch {
            name: name.map(str::to_owned),
            policy,
            report_only,
        })
    }

    proptest! {
        #[test]
        fn sessions_are_checked_again_exactly_when_another_policy_is_enforced(
            policy in policy(),
            report_only: bool,
            patch in patch(),
        ) {
            let organization = OrganizationId(Uuid::from_u128(1));
            let name = "a.example".to_owned();
            let before = Settings { name, policy, report_only, ..Settings::default() };
            match before.change(organization, &patch, Actor::Operator) {
                None => {
                    prop_assert!(patch.name.is_none_or(|name| name == before.name));
                    prop_assert!(patch.policy.is_none_or(|policy| policy == before.policy));
                    prop_assert!(patch.report_only.is_none_or(|only| only == report_only));
                }
                Some((after, effects)) => {
                    prop_assert_ne!(&before, &after);
                    prop_assert_eq!(effects.audit.len(), 1);
                    prop_assert!(!effects.audit[0].detail.is_empty());
                    let revoked = if before.enforced() == after.enforced() {
                        vec![]
                    } else {
                        vec![organization.0]
                    };
                    prop_assert_eq!(effects.revoked, revoked);
                    let is_other = before.enforced() != after.enforced();
                    prop_assert_eq!(after.history.version, i64::from(is_other));
                }
            }
        }
    }

    #[test]
    fn a_change_is_described_in_the_audit_log() {
        let organization = OrganizationId(Uuid::from_u128(1));
        let before = Settings { name: "a.example".to_owned(), ..Settings::default() };
        let patch = SettingsPatch {
            name: Some("b.example".to_owned()),
            policy: Some(Policy::Jwt),
            report_only: Some(true),
        };
        let (after, effects) = before.change(organization, &patch, Actor::Operator).unwrap();
        let detail =
            "name: a.example to b.example, policy: optional to jwt, reportOnly: false to true";
        assert_eq!(effects.audit[0].detail, detail);
        assert!(after.change(organization, &patch, Actor::Operator).is_none());
    }
}
