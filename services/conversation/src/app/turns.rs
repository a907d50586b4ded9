//! Changes of one conversation go one after the other, so that their hints leave in the order of
//! their numbers. The database would let them in one by one all the same.

use std::{sync::Arc, time::Duration};

use onethread_core::ConversationId;
use onethread_errors::{Error, Result};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::timeout,
};

/// How long a change waits for those before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Conversations share a lock by the last byte of their id: more locks than cores is enough.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<[Arc<Mutex<()>>; 256]>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Arc::default())))
    }
}

impl Turns {
    /// Waits for a conversation's turn; it lasts until the guard goes.
    pub(crate) async fn wait(&self, id: ConversationId) -> Result<OwnedMutexGuard<()>> {
        let [.., last] = *id.0.as_bytes();
        let turn = self.0[usize::from(last)].clone().lock_owned();
        timeout(PATIENCE, turn).await.map_err(Error::unavailable)
    }
}
