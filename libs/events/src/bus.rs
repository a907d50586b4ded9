//! Telling and listening within the process; what goes further is handed to `nats`.

use std::sync::Arc;

use onethread_core::{Entropy, OrganizationId};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    NatsUrl, TlsFiles,
    nats::{self, Away},
};

/// Hints kept for a listener that is busy; one that falls further behind has missed some.
const KEPT: usize = 4096;

/// What a bus carries.
pub trait Hint: Clone + Send + Sync + 'static {
    /// Whose it is. Those of one organization travel on one subject.
    fn organization(&self) -> OrganizationId;

    /// The trace it happened in, as a `traceparent`; empty without one.
    fn trace(&self) -> &str;

    /// Without the trace, for another process.
    fn encode(&self) -> Vec<u8>;

    /// What another process encoded; `None` for what is none, say of another version.
    fn decode(bytes: &[u8], trace: &str) -> Option<Self>;
}

/// Carries hints to all listeners. Cheap to clone; the connection goes with the last clone.
#[derive(Debug)]
pub struct Bus<T> {
    here: broadcast::Sender<Word<T>>,
    away: Option<Arc<Away<T>>>,
}

/// What is said to the listeners of this process.
#[derive(Debug, Clone)]
pub(crate) enum Word<T> {
    /// This happened.
    Hint(T),
    /// Something may have happened that nobody heard of: in the organizations of this shard, or
    /// in all.
    Gap(Option<u8>),
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum Heard<T> {
    /// This happened.
    Hint(T),
    /// Hints may have been lost: those of the organizations of this shard, or of all.
    Missed(Option<u8>),
    /// The bus is gone.
    Over,
}

/// Hears what is told from its making on.
#[derive(Debug)]
pub struct Listener<T> {
    here: broadcast::Receiver<Word<T>>,
    away: Option<Arc<Away<T>>>,
}

/// The shard of an organization: the part of all hints that its own travel with.
pub(crate) fn shard(organization: OrganizationId) -> u8 {
    // The last bits of an id are chance.
    let [.., last] = *organization.0.as_bytes();
    last
}

impl<T> Clone for Bus<T> {
    fn clone(&self) -> Self {
        Self { here: self.here.clone(), away: self.away.clone() }
    }
}

impl<T: Hint> Bus<T> {
    /// Within this process alone.
    pub fn in_process() -> Self {
        Self { here: broadcast::Sender::new(KEPT), away: None }
    }

    /// To the other replicas as well, whose subjects begin with the same `topic`. Answers at
    /// once; the connection is made, and made again whenever it breaks, beside whatever goes on.
    pub fn connect(
        url: &NatsUrl,
        tls: Option<TlsFiles>,
        topic: &'static str,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let here = broadcast::Sender::new(KEPT);
        let away = nats::connect(url, tls, topic, entropy, here.clone());
        Self { here, away: Some(Arc::new(away)) }
    }

    /// Tells every listener. To be called after the commit; never waits.
    pub fn tell(&self, hint: T) {
        if let Some(away) = &self.away {
            away.tell(hint.clone());
        }
        // An error says that nobody listens here.
        let _ = self.here.send(Word::Hint(hint));
    }

    /// Begins to listen.
    pub fn listen(&self) -> Listener<T> {
        Listener { here: self.here.subscribe(), away: self.away.clone() }
    }
}

impl<T: Hint> Listener<T> {
    /// From soon on hears of this organization what other replicas tell. As soon as it does,
    /// [`Heard::Missed`] says that something may have been told before.
    pub fn attend(&self, organization: OrganizationId) {
        if let Some(away) = &self.away {
            away.attend(shard(organization));
        }
    }

    /// What is heard next.
    pub async fn next(&mut self) -> Heard<T> {
        match self.here.recv().await {
            Ok(Word::Hint(hint)) => Heard::Hint(hint),
            Ok(Word::Gap(shard)) => Heard::Missed(shard),
            Err(RecvError::Lagged(_)) => Heard::Missed(None),
            Err(RecvError::Closed) => Heard::Over,
        }
    }
}

/// True when hints of the organization may be among those that were missed.
pub fn may_concern(missed: Option<u8>, organization: OrganizationId) -> bool {
    missed.is_none_or(|part| part == shard(organization))
}
