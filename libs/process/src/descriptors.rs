//! The limit of open files, which counts connections too.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. Services start with a soft limit of 1,024 on most
/// systems, which a few hundred idle connections exhaust, and then no database opens either.
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "can't raise the limit of open files");
    }
}

/// Returns how many files and connections this process may have open.
pub fn open_files() -> usize {
    let granted = getrlimit(Resource::Nofile).current;
    granted.and_then(|granted| usize::try_from(granted).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_allowed_is_granted() {
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert!(open_files() >= 256);
    }
}
