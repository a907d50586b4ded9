//! What agents change about a conversation, and the events that tell of it.

use onethread_core::{AgentId, Timestamp};

use super::{Conversation, Status};

/// What an agent wants changed; absent members stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Change {
    pub(crate) status: Option<Status>,
    /// Whom it is assigned to, `Some(None)` for nobody.
    pub(crate) assignee: Option<Option<AgentId>>,
}

/// Something that happened to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happening {
    Closed,
    Reopened,
    Assigned(AgentId),
    Unassigned,
}

impl Happening {
    /// The event's words.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Closed => "closed".to_owned(),
            Self::Reopened => "reopened".to_owned(),
            Self::Assigned(agent) => format!("assigned to {agent}"),
            Self::Unassigned => "unassigned".to_owned(),
        }
    }
}

impl Conversation {
    /// Changes it. Answers what really happened, each with the number of its event; nothing for
    /// what already was so.
    pub(crate) fn change(&mut self, change: Change, now: Timestamp) -> Vec<(i64, Happening)> {
        let mut happened = Vec::new();
        if let Some(assignee) = change.assignee.filter(|wanted| *wanted != self.assignee) {
            self.assignee = assignee;
            happened.push(assignee.map_or(Happening::Unassigned, Happening::Assigned));
        }
        if let Some(status) = change.status.filter(|wanted| *wanted != self.status) {
            self.status = status;
            happened.push(match status {
                Status::Open => Happening::Reopened,
                Status::Closed => Happening::Closed,
            });
        }
        if !happened.is_empty() {
            self.updated_at = now;
        }
        let number = |happening| {
            self.last_seq += 1;
            (self.last_seq, happening)
        };
        happened.into_iter().map(number).collect()
    }
}
