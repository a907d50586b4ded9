//! The connection to other replicas over NATS. Two tasks connect the bus and the client: one
//! publishes queued hints, the other receives hints of the subscribed shards. Both outlive the
//! connection: the client reconnects and renews its subscriptions by itself.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{
    Client, ConnectOptions, Event, HeaderMap, client::RequestErrorKind, connection::State,
};
use futures::stream::{SelectAll, StreamExt};
use onethread_core::{Backoff, Entropy};
use tokio::{
    sync::{Notify, broadcast, mpsc},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use crate::{
    Hint, NatsUrl,
    bus::{Message, shard},
};

/// Hints that are queued for publishing. Those beyond are dropped.
const PUBLISH_CAPACITY: usize = 4096;

/// Commands that the client queues while it isn't connected. Enough for every subscription.
const CLIENT_CAPACITY: usize = 1024;

/// Hints that are queued after they were received on one subject. Those beyond are dropped.
const SUBSCRIPTION_CAPACITY: usize = 4096;

/// How long one operation of the client may take. Nothing is queued for a server that hangs.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Interval of pings. A server that doesn't respond to two of them counts as disconnected.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Delays between attempts to connect. A server that has restarted is found within a second.
const RECONNECT_BACKOFF: Backoff =
    Backoff { initial: Duration::from_millis(50), max: Duration::from_secs(1) };

/// The headers with the trace, as in HTTP.
const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// PEM files for connections to `tls://` servers, read for each connection.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// This process's certificate.
    pub cert: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// The certificate of the CA that has signed the server's certificate.
    pub ca: PathBuf,
}

/// The connection to the other replicas.
#[derive(Debug)]
pub(crate) struct Remote<T> {
    outgoing: mpsc::Sender<T>,
    wanted: Arc<Shards>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// A set of shards. None is ever removed, because readers of an organization tend to come back.
#[derive(Debug, Default)]
struct Shards {
    bits: [AtomicU64; 4],
    added: Notify,
}

impl Shards {
    /// Adds a shard. True when it is new.
    fn add(&self, shard: u8) -> bool {
        let bit = 1 << (shard % 64);
        self.bits[usize::from(shard / 64)].fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    fn contains(&self, shard: u8) -> bool {
        self.bits[usize::from(shard / 64)].load(Ordering::Relaxed) & (1 << (shard % 64)) != 0
    }
}

impl<T: Hint> Remote<T> {
    pub(crate) fn publish(&self, hint: T) {
        // When the queue is full, NATS hangs. Other replicas then find the change in the database.
        let _ = self.outgoing.try_send(hint);
    }

    pub(crate) fn subscribe(&self, shard: u8) {
        if self.wanted.add(shard) {
            self.wanted.added.notify_one();
        }
    }
}

pub(crate) fn connect<T: Hint>(
    url: &NatsUrl,
    tls: Option<TlsFiles>,
    topic: &'static str,
    entropy: Arc<dyn Entropy>,
    local: broadcast::Sender<Message<T>>,
) -> Remote<T> {
    let (outgoing, queue) = mpsc::channel(PUBLISH_CAPACITY);
    let wanted = Arc::<Shards>::default();
    let gap = Arc::<Notify>::default();
    let options = options(tls, entropy, gap.clone());
    let servers = url.servers();
    let client = async move {
        // The client retries after network errors, so this is another kind of error.
        let client = options.connect(servers).await;
        client.inspect_err(|error| error!(%error, "can't connect to NATS")).ok()
    };
    let client = futures::FutureExt::shared(client);
    let receiving = receive(client.clone(), topic, wanted.clone(), gap, local);
    let publishing = publish(client, topic, queue);
    let tasks = [tokio::spawn(publishing), tokio::spawn(receiving)].map(AbortOnDropHandle::new);
    Remote { outgoing, wanted, _tasks: tasks }
}

/// Configures the client. It notifies `gap` when hints may have been lost.
fn options(tls: Option<TlsFiles>, entropy: Arc<dyn Entropy>, gap: Arc<Notify>) -> ConnectOptions {
    let disconnected = Arc::new(AtomicBool::new(false));
    let options = ConnectOptions::new()
        .name("onethread")
        // Listeners in this process receive hints directly.
        .no_echo()
        .retry_on_initial_connect()
        .max_reconnects(None)
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CLIENT_TIMEOUT)
        .request_timeout(Some(CLIENT_TIMEOUT))
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .client_capacity(CLIENT_CAPACITY)
        .reconnect_delay_callback(move |attempts| {
            RECONNECT_BACKOFF.delay(u32::try_from(attempts).unwrap_or(u32::MAX), &*entropy)
        })
        .event_callback(move |event| {
            let (gap, disconnected) = (gap.clone(), disconnected.clone());
            async move {
                match event {
                    Event::Connected => {
                        if disconnected.swap(false, Ordering::Relaxed) {
                            info!("reconnected to NATS");
                        }
                        gap.notify_one();
                    }
                    // A subscription's queue is full.
                    Event::SlowConsumer(_) => gap.notify_one(),
                    Event::Disconnected | Event::ClientError(_)
                        if !disconnected.swap(true, Ordering::Relaxed) =>
                    {
                        warn!("lost the connection to NATS, readers poll the database");
                    }
                    _ => {}
                }
            }
        });
    match tls {
        Some(TlsFiles { cert, key, ca }) => {
            options.add_root_certificates(ca).add_client_certificate(cert, key)
        }
        None => options,
    }
}

fn subject(topic: &str, shard: u8) -> String {
    format!("onethread.{topic}.{shard:02x}")
}

/// Publishes queued hints. Without a connection they are dropped, because later they would be
/// outdated.
async fn publish<T: Hint>(
    client: impl Future<Output = Option<Client>>,
    topic: &'static str,
    mut queue: mpsc::Receiver<T>,
) {
    let Some(client) = client.await else { return };
    while let Some(hint) = queue.recv().await {
        if client.connection_state() != State::Connected {
            continue;
        }
        let subject = subject(topic, shard(hint.organization()));
        let payload = hint.encode().into();
        // After an error or a timeout the hint is lost, as it is without a connection.
        let _ = if hint.trace().is_empty() {
            timeout(CLIENT_TIMEOUT, client.publish(subject, payload)).await
        } else {
            let headers = trace_headers(hint.trace());
            timeout(CLIENT_TIMEOUT, client.publish_with_headers(subject, headers, payload)).await
        };
    }
}

/// Splits a trace, in which the state follows the parent after a space.
fn trace_headers(trace: &str) -> HeaderMap {
    let (parent, state) = trace.split_once(' ').unwrap_or((trace, ""));
    let mut headers = HeaderMap::new();
    headers.insert(TRACEPARENT, parent);
    if !state.is_empty() {
        headers.insert(TRACESTATE, state);
    }
    headers
}

/// Reads the trace from the headers of a message.
fn trace(headers: &HeaderMap) -> String {
    let value = |name| headers.get(name).map_or("", |value| value.as_str());
    match (value(TRACEPARENT), value(TRACESTATE)) {
        (parent, "") => parent.to_owned(),
        (parent, state) => format!("{parent} {state}"),
    }
}

/// Receives the hints of wanted shards. After a new subscription or a new connection it reports a
/// gap to the listeners, as soon as the server is known to have the subscriptions.
async fn receive<T: Hint>(
    client: impl Future<Output = Option<Client>>,
    topic: &'static str,
    wanted: Arc<Shards>,
    gap: Arc<Notify>,
    local: broadcast::Sender<Message<T>>,
) {
    let Some(client) = client.await else { return };
    let mut subscribers = SelectAll::new();
    let subscribed = Shards::default();
    let mut unconfirmed = Vec::new();
    loop {
        tokio::select! {
            Some(message) = subscribers.next() => {
                let message: async_nats::Message = message;
                let trace = message.headers.as_ref().map(trace).unwrap_or_default();
                if let Some(hint) = T::decode(&message.payload, &trace) {
                    // It fails when this process has no listener, which is fine.
                    let _ = local.send(Message::Hint(hint));
                }
            }
            () = wanted.added.notified() => {
                let new = |shard: &u8| wanted.contains(*shard) && !subscribed.contains(*shard);
                let new: Vec<u8> = (0..=u8::MAX).filter(new).collect();
                for shard in &new {
                    // Without a connection the client queues the subscription for the next one.
                    let subscriber = client.subscribe(subject(topic, *shard));
                    let Ok(Ok(subscriber)) = timeout(CLIENT_TIMEOUT, subscriber).await else {
                        wanted.added.notify_one();
                        break;
                    };
                    subscribers.push(subscriber);
                    subscribed.add(*shard);
                }
                unconfirmed.extend(new.into_iter().filter(|shard| subscribed.contains(*shard)));
                report_confirmed(&client, &mut unconfirmed, &local).await;
            }
            () = gap.notified() => {
                report_confirmed(&client, &mut unconfirmed, &local).await;
                let _ = local.send(Message::Gap(None));
            }
        }
    }
}

/// Reports a gap for each new subscription, once the server has them.
async fn report_confirmed<T>(
    client: &Client,
    unconfirmed: &mut Vec<u8>,
    local: &broadcast::Sender<Message<T>>,
) {
    if are_commands_processed(client).await {
        for shard in unconfirmed.drain(..) {
            // It fails when this process has no listener, which is fine.
            let _ = local.send(Message::Gap(Some(shard)));
        }
    }
}

/// Waits until the server has processed all earlier commands of this connection: it responds to a
/// request on a subject without subscribers. False without a connection or a response.
async fn are_commands_processed(client: &Client) -> bool {
    if client.connection_state() != State::Connected {
        return false;
    }
    let response = timeout(CLIENT_TIMEOUT, client.request("onethread.nobody", "".into())).await;
    match response {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == RequestErrorKind::NoResponders,
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_the_same_behind_headers() {
        for text in ["", "00-a-b-01", "00-a-b-01 vendor=x,other=y"] {
            assert_eq!(trace(&trace_headers(text)), text);
        }
    }
}
