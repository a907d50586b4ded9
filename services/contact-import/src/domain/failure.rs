//! What follows when work on an import fails.

use onethread_errors::{Error, Reason};

/// Attempts without progress until an import fails, unless the cause is one that passes.
const MAX_ATTEMPTS: i64 = 8;

/// What an import waits for, as its error shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitReason {
    DiskFull,
    ServiceUnavailable,
}

impl WaitReason {
    /// The sentence that the import shows.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::DiskFull => {
                "A disk of the server is full. The import waits, and goes on by itself once there is room."
            }
            Self::ServiceUnavailable => {
                "A part of the server is away. The import waits, and goes on by itself once it is back."
            }
        }
    }
}

/// What to do after work on an import failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Try again later.
    Retry(Option<WaitReason>),
    /// The import fails.
    GiveUp,
}

impl Failure {
    /// Decides by the error and the number of claims since the last progress. A full disk and an
    /// unavailable service are waited for without a limit.
    pub(crate) fn of(error: &Error, attempts: i64) -> Self {
        match error.reason {
            Reason::StorageFull => Self::Retry(Some(WaitReason::DiskFull)),
            reason if reason.http() == 503 => Self::Retry(Some(WaitReason::ServiceUnavailable)),
            _ if attempts >= MAX_ATTEMPTS => Self::GiveUp,
            _ => Self::Retry(None),
        }
    }

    /// True when identity's answer to a batch would be the same at every attempt.
    pub(crate) fn is_permanent(error: &Error) -> bool {
        error.reason.http() < 500
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn only_failures_that_may_not_pass_end_an_import(attempts in 0..100_i64) {
            let after = |error: Error| Failure::of(&error, attempts);
            prop_assert_eq!(
                after(Error::storage_full("disk")),
                Failure::Retry(Some(WaitReason::DiskFull))
            );
            prop_assert_eq!(
                after(Error::unavailable("gone")),
                Failure::Retry(Some(WaitReason::ServiceUnavailable))
            );
            let expected = if attempts < 8 { Failure::Retry(None) } else { Failure::GiveUp };
            prop_assert_eq!(after(Error::internal("odd")), expected);
        }
    }

    #[test]
    fn what_identity_rejects_is_permanent() {
        assert!(Failure::is_permanent(&Error::not_found()));
        for error in [Error::unavailable("gone"), Error::internal("odd")] {
            assert!(!Failure::is_permanent(&error));
        }
    }
}
