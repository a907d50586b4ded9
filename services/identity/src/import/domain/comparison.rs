//! Which rows of a batch change nothing, as far as the database can compare them.

use std::collections::HashSet;

use super::row::{RowKey, RowOutcome, ValidRow};

/// A valid row of a batch, or why it is rejected.
pub(crate) type BatchRow<'r> = Result<&'r ValidRow, RowOutcome>;

/// How a row compares with the contact of its user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It has to be compared in memory.
    NotCompared,
    /// No contact has the user id.
    NoContact,
    /// This row, and each other one with the user id, changes nothing.
    Same,
    /// Something differs.
    Different,
}

impl Comparison {
    /// True when the contact has to be read.
    pub(crate) fn needs_contact(self) -> bool {
        matches!(self, Self::NotCompared | Self::Different)
    }
}

/// A row that changes a contact does so before or after the other rows with its user id, so that
/// none of them can be compared alone: they become different as well.
pub(crate) fn spread_differences(rows: &[BatchRow<'_>], comparisons: &mut [Comparison]) {
    let user_id = |index: usize| match rows[index] {
        Ok(ValidRow { key: RowKey::UserId(user_id), .. }) => Some(user_id.as_str()),
        _ => None,
    };
    let read: HashSet<_> = (0..comparisons.len())
        .filter(|&index| comparisons[index].needs_contact())
        .filter_map(user_id)
        .collect();
    if read.is_empty() {
        return;
    }
    for (index, comparison) in comparisons.iter_mut().enumerate() {
        if *comparison == Comparison::Same && user_id(index).is_some_and(|id| read.contains(id)) {
            *comparison = Comparison::Different;
        }
    }
}
