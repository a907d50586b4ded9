//! States of an import, and which may follow which.

use std::str::FromStr;

/// State of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImportState {
    /// The file is read for the first time; nothing is written.
    Scanning,
    /// Scanned, waiting for a mapping.
    Ready,
    /// Rows are being applied.
    Running,
    /// Every row has its outcome.
    Done,
    /// It can't be applied; its error says why.
    Failed,
    /// Stopped on request.
    Canceled,
}

use ImportState::{Canceled, Done, Failed, Ready, Running, Scanning};

/// Each state with its name in the database and the states that may follow it.
const STATES: [(ImportState, &str, &[ImportState]); 6] = [
    (Scanning, "scanning", &[Ready, Running, Failed, Canceled]),
    (Ready, "ready", &[Running, Canceled]),
    (Running, "running", &[Done, Failed, Canceled]),
    (Done, "done", &[]),
    (Failed, "failed", &[]),
    (Canceled, "cancelled", &[]),
];

impl ImportState {
    fn entry(self) -> &'static (Self, &'static str, &'static [Self]) {
        STATES.iter().find(|(state, ..)| *state == self).expect("every state has an entry")
    }

    /// True when `next` may follow.
    pub(crate) fn may_become(self, next: Self) -> bool {
        self.entry().2.contains(&next)
    }

    /// True when no state may follow.
    pub(crate) fn is_final(self) -> bool {
        self.entry().2.is_empty()
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        self.entry().1
    }
}

/// The text is not the name of a state.
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
    fn names_are_parsed_and_no_state_follows_a_final_one() {
        for (state, name, next) in STATES {
            assert_eq!(name.parse::<ImportState>().unwrap(), state);
            assert_eq!(state.is_final(), next.is_empty());
            assert!(!state.may_become(state));
        }
        assert!(Ready.may_become(Running) && !Done.may_become(Canceled));
    }
}
