//! Word that something happened, within this process.

use std::{sync::Arc, time::Duration};

use onethread_core::{ConversationId, OrganizationId};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::domain::Side;

/// Hints kept for a session that is busy; one that falls further behind looks at the database.
const KEPT: usize = 4096;

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

/// Carries hints to the sessions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    hints: broadcast::Sender<Hint>,
    stop: CancellationToken,
    check_every: Duration,
}

impl Live {
    /// Sessions end with `stop`; they compare themselves with the database every `check_every`.
    pub(crate) fn new(stop: CancellationToken, check_every: Duration) -> Self {
        Self { hints: broadcast::Sender::new(KEPT), stop, check_every }
    }

    /// Tells every session. To be called after the commit.
    pub(crate) fn tell(&self, hint: Hint) {
        // An error says that nobody listens.
        let _ = self.hints.send(hint);
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Hint> {
        self.hints.subscribe()
    }

    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    pub(super) fn check_every(&self) -> Duration {
        self.check_every
    }
}
