//! The bus within the process. Hints for other replicas are passed on to `nats`.

use std::sync::Arc;

use onethread_core::{Entropy, OrganizationId};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    NatsUrl, TlsFiles,
    nats::{self, Remote},
};

/// Messages that are buffered for a slow listener. One that is further behind misses some.
const LISTENER_CAPACITY: usize = 4096;

/// The type of hints that a bus carries.
pub trait Hint: Clone + Send + Sync + 'static {
    /// Returns the organization that the hint concerns. Hints of one organization use one subject.
    fn organization(&self) -> OrganizationId;

    /// Returns the trace in which the hint was published: its `traceparent`, and after a space its
    /// `tracestate` if there is one. Empty without a trace.
    fn trace(&self) -> &str;

    /// Encodes the hint without its trace, for another process.
    fn encode(&self) -> Vec<u8>;

    /// Decodes a hint from another process. `None` if it isn't one, for example because the
    /// process runs another version.
    fn decode(bytes: &[u8], trace: &str) -> Option<Self>;
}

/// Publishes hints to all listeners. Cheap to clone. The connection closes with the last clone.
#[derive(Debug)]
pub struct Bus<T> {
    local: broadcast::Sender<Message<T>>,
    remote: Option<Arc<Remote<T>>>,
}

/// A message to the listeners of this process.
#[derive(Debug, Clone)]
pub(crate) enum Message<T> {
    /// A hint was published.
    Hint(T),
    /// Hints may have been lost: those of organizations in this shard, or of all organizations.
    Gap(Option<u8>),
}

/// What a listener receives.
#[derive(Debug, Clone)]
pub enum BusEvent<T> {
    /// A hint was published.
    Hint(T),
    /// Hints may have been lost: those of organizations in this shard, or of all organizations.
    Missed(Option<u8>),
    /// The bus was dropped.
    Closed,
}

/// Receives the hints that are published after its creation.
#[derive(Debug)]
pub struct Listener<T> {
    local: broadcast::Receiver<Message<T>>,
    remote: Option<Arc<Remote<T>>>,
}

/// Returns the shard of an organization. Hints of all organizations in a shard use one subject.
pub(crate) fn shard(organization: OrganizationId) -> u8 {
    // The last bits of an id are random.
    let [.., last] = *organization.0.as_bytes();
    last
}

impl<T> Clone for Bus<T> {
    fn clone(&self) -> Self {
        Self { local: self.local.clone(), remote: self.remote.clone() }
    }
}

impl<T: Hint> Bus<T> {
    /// Creates a bus within this process.
    pub fn in_process() -> Self {
        Self { local: broadcast::Sender::new(LISTENER_CAPACITY), remote: None }
    }

    /// Creates a bus that also connects replicas, whose subjects contain the same `topic`. Returns
    /// immediately; the connection is opened, and reopened after a failure, in the background.
    pub fn connect(
        url: &NatsUrl,
        tls: Option<TlsFiles>,
        topic: &'static str,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let local = broadcast::Sender::new(LISTENER_CAPACITY);
        let remote = nats::connect(url, tls, topic, entropy, local.clone());
        Self { local, remote: Some(Arc::new(remote)) }
    }

    /// Publishes a hint to every listener. Must be called after the commit. Never waits.
    pub fn publish(&self, hint: T) {
        if let Some(remote) = &self.remote {
            remote.publish(hint.clone());
        }
        // It fails when this process has no listener, which is fine.
        let _ = self.local.send(Message::Hint(hint));
    }

    /// Creates a listener.
    pub fn subscribe(&self) -> Listener<T> {
        Listener { local: self.local.subscribe(), remote: self.remote.clone() }
    }
}

impl<T: Hint> Listener<T> {
    /// Subscribes to the hints that other replicas publish for this organization. When the
    /// subscription is active, [`BusEvent::Missed`] reports that earlier hints may have been lost.
    pub fn subscribe_to(&self, organization: OrganizationId) {
        if let Some(remote) = &self.remote {
            remote.subscribe(shard(organization));
        }
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> BusEvent<T> {
        match self.local.recv().await {
            Ok(Message::Hint(hint)) => BusEvent::Hint(hint),
            Ok(Message::Gap(shard)) => BusEvent::Missed(shard),
            Err(RecvError::Lagged(_)) => BusEvent::Missed(None),
            Err(RecvError::Closed) => BusEvent::Closed,
        }
    }
}

/// True when hints of the organization may be among those of a [`BusEvent::Missed`].
pub fn is_affected(missed: Option<u8>, organization: OrganizationId) -> bool {
    missed.is_none_or(|missed| missed == shard(organization))
}
