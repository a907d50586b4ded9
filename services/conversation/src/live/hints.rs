//! Word that something happened, to the sessions of this process and of the other replicas.

use std::{sync::Arc, time::Duration};

use onethread_core::{ConversationId, OrganizationId};
use onethread_events::{Bus, Listener};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::domain::Side;

/// Something happened in a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Hint {
    pub(crate) organization: OrganizationId,
    pub(crate) conversation: ConversationId,
    pub(crate) change: Change,
    /// The trace it happened in, for the one that delivers it.
    pub(crate) trace: Arc<str>,
}

impl Hint {
    /// In the trace of the caller.
    pub(crate) fn new(
        organization: OrganizationId,
        conversation: ConversationId,
        change: Change,
    ) -> Self {
        Self { organization, conversation, change, trace: onethread_telemetry::text().into() }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// A message was stored under this number.
    Stored { seq: i64 },
    /// A side's read mark moved to this number.
    Read { side: Side, seq: i64 },
    /// A side types, or no longer does.
    Typing { side: Side, typing: bool },
    /// It was folded or erased; agents had it in their list when it had messages.
    Ended { listed: bool },
}

/// A hint between replicas.
#[derive(Serialize, Deserialize)]
struct Wire {
    organization: OrganizationId,
    conversation: ConversationId,
    #[serde(flatten)]
    change: WireChange,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
enum WireChange {
    Stored { seq: i64 },
    Read { agent: bool, seq: i64 },
    Typing { agent: bool, typing: bool },
    Ended { listed: bool },
}

impl From<Change> for WireChange {
    fn from(change: Change) -> Self {
        match change {
            Change::Stored { seq } => Self::Stored { seq },
            Change::Read { side, seq } => Self::Read { agent: side == Side::Agent, seq },
            Change::Typing { side, typing } => Self::Typing { agent: side == Side::Agent, typing },
            Change::Ended { listed } => Self::Ended { listed },
        }
    }
}

impl From<WireChange> for Change {
    fn from(change: WireChange) -> Self {
        let side = |agent| if agent { Side::Agent } else { Side::Contact };
        match change {
            WireChange::Stored { seq } => Self::Stored { seq },
            WireChange::Read { agent, seq } => Self::Read { side: side(agent), seq },
            WireChange::Typing { agent, typing } => Self::Typing { side: side(agent), typing },
            WireChange::Ended { listed } => Self::Ended { listed },
        }
    }
}

impl onethread_events::Hint for Hint {
    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn trace(&self) -> &str {
        &self.trace
    }

    fn encode(&self) -> Vec<u8> {
        let Self { organization, conversation, change, .. } = self.clone();
        let wire = Wire { organization, conversation, change: change.into() };
        serde_json::to_vec(&wire).expect("ids and numbers are JSON")
    }

    fn decode(bytes: &[u8], trace: &str) -> Option<Self> {
        let Wire { organization, conversation, change } = serde_json::from_slice(bytes).ok()?;
        Some(Self { organization, conversation, change: change.into(), trace: trace.into() })
    }
}

/// Carries hints to the sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    bus: Bus<Hint>,
    stop: CancellationToken,
    check_every: Duration,
}

impl Live {
    /// Sessions end with `stop`; they compare themselves with the database every `check_every`.
    pub(crate) fn new(bus: Bus<Hint>, stop: CancellationToken, check_every: Duration) -> Self {
        Self { bus, stop, check_every }
    }

    /// Tells every session. To be called after the commit.
    pub(crate) fn tell(&self, hint: Hint) {
        self.bus.tell(hint);
    }

    pub(super) fn listen(&self) -> Listener<Hint> {
        self.bus.listen()
    }

    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    pub(super) fn check_every(&self) -> Duration {
        self.check_every
    }
}

#[cfg(test)]
mod tests {
    use onethread_events::Hint as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_hint_means_the_same_in_another_replica() {
        for change in [
            Change::Stored { seq: 7 },
            Change::Read { side: Side::Contact, seq: 3 },
            Change::Read { side: Side::Agent, seq: i64::MAX },
            Change::Typing { side: Side::Agent, typing: true },
            Change::Typing { side: Side::Contact, typing: false },
            Change::Ended { listed: true },
        ] {
            let organization = OrganizationId(Uuid::from_u128(1));
            let hint = Hint::new(organization, ConversationId(Uuid::from_u128(2)), change);
            let there = Hint::decode(&hint.encode(), "a trace").unwrap();
            assert_eq!((there.organization, there.conversation), (organization, hint.conversation));
            assert_eq!((there.change, &*there.trace), (change, "a trace"));
        }
        assert!(Hint::decode(b"{}", "").is_none() && Hint::decode(b"\xff", "").is_none());
    }
}
