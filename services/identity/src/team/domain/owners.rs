//! A team always has an owner who can log in.

use onethread_core::AgentId;
use onethread_errors::{Error, Reason, Result};

/// The owners of an organization who can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owners(pub(crate) Vec<AgentId>);

impl Owners {
    /// Checks that an owner is left when this agent is none any more.
    ///
    /// # Errors
    ///
    /// `LastOwner` when the agent is the only one.
    pub(crate) fn check_without(&self, agent: AgentId) -> Result<()> {
        if self.0 == [agent] { Err(Error::new(Reason::LastOwner)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::OrganizationId;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{
        organization::domain::audit::Actor,
        team::domain::agent::{Account, Agent, Role},
    };

    #[derive(Debug, Clone, Copy)]
    enum Change {
        Role(Role),
        Name,
        Reset,
        Remove,
        Accept,
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            Just(Change::Role(Role::Owner)),
            Just(Change::Role(Role::Agent)),
            Just(Change::Name),
            Just(Change::Reset),
            Just(Change::Remove),
            Just(Change::Accept),
        ]
    }

    fn account(n: u128, role: Role, password: bool) -> Account {
        let agent = Agent {
            organization_id: OrganizationId(Uuid::nil()),
            id: AgentId(Uuid::from_u128(n)),
            email: format!("{n}@example.com"),
            name: String::new(),
            role,
        };
        let password_hash = if password { "hash".to_owned() } else { String::new() };
        Account { agent, password_hash }
    }

    fn owners(team: &[Account]) -> Owners {
        let owners = team.iter().filter(|one| one.agent.role == Role::Owner && one.has_password());
        Owners(owners.map(|one| one.agent.id).collect())
    }

    /// Applies a change; `None` when it is rejected.
    fn apply(team: &[Account], n: usize, change: Change) -> Option<Vec<Account>> {
        let (owners, actor) = (owners(team), Actor::Operator);
        let mut team = team.to_vec();
        let is_rejected = match change {
            Change::Role(role) => team[n].change(&owners, None, Some(role), actor).is_err(),
            Change::Name => team[n].change(&owners, Some("Ann".to_owned()), None, actor).is_err(),
            Change::Reset => team[n].reset(&owners, actor).is_err(),
            Change::Remove => {
                let is_rejected = team[n].remove(&owners, actor).is_err();
                team.remove(n);
                is_rejected
            }
            Change::Accept => {
                let _ = team[n].accept("hash".to_owned());
                false
            }
        };
        (!is_rejected).then_some(team)
    }

    proptest! {
        #[test]
        fn a_team_never_loses_its_last_owner(
            others in prop::collection::vec((any::<bool>(), any::<bool>()), 0..4),
            changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 0..20),
        ) {
            let mut team = vec![account(0, Role::Owner, true)];
            for (n, (owner, password)) in others.into_iter().enumerate() {
                let role = if owner { Role::Owner } else { Role::Agent };
                team.push(account(n as u128 + 1, role, password));
            }
            for (index, change) in changes {
                let n = index.index(team.len());
                let before = owners(&team);
                match apply(&team, n, change) {
                    Some(after) => team = after,
                    // Only a change that removes the last owner is rejected.
                    None => {
                        prop_assert_eq!(&before.0, &[team[n].agent.id]);
                        prop_assert!(!matches!(
                            change,
                            Change::Name | Change::Role(Role::Owner) | Change::Accept
                        ));
                    }
                }
                prop_assert!(!owners(&team).0.is_empty());
            }
        }
    }
}
