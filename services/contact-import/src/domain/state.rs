//! Where an import stands, and where it may go from there.

use std::str::FromStr;

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportState {
    /// Being read for the first time; nothing is written.
    Scanning,
    /// Scanned, waiting for somebody to start it.
    Ready,
    /// Rows are being applied.
    Running,
    /// Every row has its outcome.
    Done,
    /// The file can't be taken.
    Failed,
    /// Stopped by somebody.
    Cancelled,
}

use ImportState::{Cancelled, Done, Failed, Ready, Running, Scanning};

/// Each state with its name and the states that may follow it. One that nothing follows is an end.
const STATES: [(ImportState, &str, &[ImportState]); 6] = [
    (Scanning, "scanning", &[Ready, Running, Failed, Cancelled]),
    (Ready, "ready", &[Running, Cancelled]),
    (Running, "running", &[Done, Failed, Cancelled]),
    (Done, "done", &[]),
    (Failed, "failed", &[]),
    (Cancelled, "cancelled", &[]),
];

impl ImportState {
    fn line(self) -> &'static (Self, &'static str, &'static [Self]) {
        STATES.iter().find(|(state, ..)| *state == self).expect("every state has a line")
    }

    /// True when `next` may follow.
    pub(crate) fn may_become(self, next: Self) -> bool {
        self.line().2.contains(&next)
    }

    /// True when nothing follows.
    pub(crate) fn has_ended(self) -> bool {
        self.line().2.is_empty()
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.line().1
    }
}

/// A text that names no state.
#[derive(Debug)]
pub(crate) struct UnknownState;

impl FromStr for ImportState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        STATES
            .iter()
            .find(|(_, name, _)| *name == text)
            .map(|(state, ..)| *state)
            .ok_or(UnknownState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_an_end_is_final() {
        for (state, name, next) in STATES {
            assert_eq!(name.parse::<ImportState>().unwrap(), state);
            assert_eq!(state.has_ended(), next.is_empty());
            assert!(!state.may_become(state));
        }
        assert!(Ready.may_become(Running) && !Done.may_become(Cancelled));
    }
}
