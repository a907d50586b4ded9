//! Hints to the sessions of this process and of the other replicas.

use std::{sync::Arc, time::Duration};

use onethread_core::{ConversationId, OrganizationId};
use onethread_events::{Bus, Listener};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::domain::{HintKind, Side};

/// Something happened in a conversation.
#[derive(Debug, Clone)]
pub(crate) struct Hint {
    pub(crate) organization: OrganizationId,
    pub(crate) conversation: ConversationId,
    pub(crate) kind: HintKind,
    /// The trace of its cause, for the delivery.
    pub(crate) trace: Arc<str>,
}

impl Hint {
    /// In the trace of the caller.
    pub(crate) fn new(
        organization: OrganizationId,
        conversation: ConversationId,
        kind: HintKind,
    ) -> Self {
        Self {
            organization,
            conversation,
            kind,
            trace: onethread_telemetry::current_traceparent().into(),
        }
    }
}

/// A hint between replicas.
#[derive(Serialize, Deserialize)]
struct WireHint {
    organization: OrganizationId,
    conversation: ConversationId,
    #[serde(flatten)]
    kind: WireKind,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "lowercase")]
enum WireKind {
    Stored { seq: i64 },
    Read { agent: bool, seq: i64 },
    Typing { agent: bool, typing: bool },
    Ended { listed: bool },
}

impl From<HintKind> for WireKind {
    fn from(kind: HintKind) -> Self {
        let agent = |side| side == Side::Agent;
        match kind {
            HintKind::MessageStored { seq } => Self::Stored { seq },
            HintKind::ReadMarkMoved { side, seq } => Self::Read { agent: agent(side), seq },
            HintKind::Typing { side, is_typing } => {
                Self::Typing { agent: agent(side), typing: is_typing }
            }
            HintKind::ConversationRemoved { was_listed } => Self::Ended { listed: was_listed },
        }
    }
}

impl From<WireKind> for HintKind {
    fn from(kind: WireKind) -> Self {
        let side = |agent| if agent { Side::Agent } else { Side::Contact };
        match kind {
            WireKind::Stored { seq } => Self::MessageStored { seq },
            WireKind::Read { agent, seq } => Self::ReadMarkMoved { side: side(agent), seq },
            WireKind::Typing { agent, typing } => {
                Self::Typing { side: side(agent), is_typing: typing }
            }
            WireKind::Ended { listed } => Self::ConversationRemoved { was_listed: listed },
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
        let Self { organization, conversation, kind, .. } = self.clone();
        let wire = WireHint { organization, conversation, kind: kind.into() };
        serde_json::to_vec(&wire).expect("ids and numbers are JSON")
    }

    fn decode(bytes: &[u8], trace: &str) -> Option<Self> {
        let WireHint { organization, conversation, kind } = serde_json::from_slice(bytes).ok()?;
        Some(Self { organization, conversation, kind: kind.into(), trace: trace.into() })
    }
}

/// Carries hints to the sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    bus: Bus<Hint>,
    stop: CancellationToken,
    check_interval: Duration,
}

impl Live {
    /// Sessions end with `stop`, and check the database every `check_interval`.
    pub(crate) fn new(bus: Bus<Hint>, stop: CancellationToken, check_interval: Duration) -> Self {
        Self { bus, stop, check_interval }
    }

    /// Publishes a hint to all sessions. To be called after the commit.
    pub(crate) fn publish(&self, hint: Hint) {
        self.bus.publish(hint);
    }

    pub(crate) fn listen(&self) -> Listener<Hint> {
        self.bus.subscribe()
    }

    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    pub(super) fn check_interval(&self) -> Duration {
        self.check_interval
    }
}

#[cfg(test)]
mod tests {
    use onethread_events::Hint as _;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_hint_is_the_same_in_another_replica() {
        for kind in [
            HintKind::MessageStored { seq: 7 },
            HintKind::ReadMarkMoved { side: Side::Contact, seq: 3 },
            HintKind::ReadMarkMoved { side: Side::Agent, seq: i64::MAX },
            HintKind::Typing { side: Side::Agent, is_typing: true },
            HintKind::Typing { side: Side::Contact, is_typing: false },
            HintKind::ConversationRemoved { was_listed: true },
        ] {
            let organization = OrganizationId(Uuid::from_u128(1));
            let hint = Hint::new(organization, ConversationId(Uuid::from_u128(2)), kind);
            let decoded = Hint::decode(&hint.encode(), "a trace").unwrap();
            assert_eq!(
                (decoded.organization, decoded.conversation),
                (organization, hint.conversation)
            );
            assert_eq!((decoded.kind, &*decoded.trace), (kind, "a trace"));
        }
        assert!(Hint::decode(b"{}", "").is_none() && Hint::decode(b"\xff", "").is_none());
    }
}
