//! Updates of a conversation go one after the other, so that their hints are published in the
//! order of their numbers. The database's locks alone would not ensure that.

use std::{sync::Arc, time::Duration};

use onethread_core::ConversationId;
use onethread_errors::{Error, Result};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

/// How long an update waits for those before it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Conversations share a lock by the last byte of their id: more locks than cores are enough.
#[derive(Debug, Clone)]
pub(super) struct ConversationLocks(Arc<[Arc<Mutex<()>>; 256]>);

impl Default for ConversationLocks {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Arc::default())))
    }
}

impl ConversationLocks {
    /// Locks a conversation until the guard is dropped.
    pub(super) async fn lock(&self, id: ConversationId) -> Result<OwnedMutexGuard<()>> {
        let [.., last] = *id.0.as_bytes();
        let lock = self.0[usize::from(last)].clone().lock_owned();
        timeout(LOCK_TIMEOUT, lock).await.map_err(Error::unavailable)
    }
}
