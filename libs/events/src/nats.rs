//! The way to the other replicas. Two tasks stand between the bus and the client: one sends what
//! waits, the other receives on the subjects that somebody here attends. Both outlive any
//! connection: the client makes it again and again and subscribes anew by itself.

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
    bus::{Word, shard},
};

/// Hints that wait to be sent; those beyond are lost.
const WAITING: usize = 4096;

/// Commands that the client keeps while there is no connection: room for every subscription.
const COMMANDS: usize = 1024;

/// Hints received on one subject that wait for this process; those beyond are lost.
const RECEIVED: usize = 4096;

/// How long one step with the client may take before it is given up: nothing is kept for a server
/// that hangs.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server that says nothing for about twice as long is taken for gone.
const PING_EVERY: Duration = Duration::from_secs(1);

/// Between attempts to connect: a server that is back is found within a second.
const AGAIN: Backoff =
    Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(1) };

/// The header that names the trace, as in HTTP.
const TRACE: &str = "traceparent";

/// PEM files for connections to `tls://` servers, read anew for each.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// This process's certificate.
    pub cert: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// Whose signature the server's certificate has to bear.
    pub ca: PathBuf,
}

/// The other replicas.
#[derive(Debug)]
pub(crate) struct Away<T> {
    outgoing: mpsc::Sender<T>,
    attended: Arc<Attended>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

/// The shards that somebody here wants to hear of. None is ever left: who came once comes again.
#[derive(Debug, Default)]
struct Attended {
    bits: [AtomicU64; 4],
    more: Notify,
}

impl Attended {
    /// True when it is new.
    fn add(&self, shard: u8) -> bool {
        let bit = 1 << (shard % 64);
        self.bits[usize::from(shard / 64)].fetch_or(bit, Ordering::Relaxed) & bit == 0
    }

    fn has(&self, shard: u8) -> bool {
        self.bits[usize::from(shard / 64)].load(Ordering::Relaxed) & (1 << (shard % 64)) != 0
    }
}

impl<T: Hint> Away<T> {
    pub(crate) fn tell(&self, hint: T) {
        // Full: NATS hangs, and the database tells them.
        let _ = self.outgoing.try_send(hint);
    }

    pub(crate) fn attend(&self, shard: u8) {
        if self.attended.add(shard) {
            self.attended.more.notify_one();
        }
    }
}

pub(crate) fn connect<T: Hint>(
    url: &NatsUrl,
    tls: Option<TlsFiles>,
    topic: &'static str,
    entropy: Arc<dyn Entropy>,
    here: broadcast::Sender<Word<T>>,
) -> Away<T> {
    let (outgoing, waiting) = mpsc::channel(WAITING);
    let attended = Arc::<Attended>::default();
    let back = Arc::<Notify>::default();
    let options = options(tls, entropy, back.clone());
    let servers = url.servers();
    let client = async move {
        // It connects by itself for ever; what fails here is not the network.
        let client = options.connect(servers).await;
        client.inspect_err(|error| error!(%error, "the bus can't be used")).ok()
    };
    let client = futures::FutureExt::shared(client);
    let receiving = receive(client.clone(), topic, attended.clone(), back, here);
    let sending = send(client, topic, waiting);
    let tasks = [tokio::spawn(sending), tokio::spawn(receiving)].map(AbortOnDropHandle::new);
    Away { outgoing, attended, _tasks: tasks }
}

fn options(tls: Option<TlsFiles>, entropy: Arc<dyn Entropy>, back: Arc<Notify>) -> ConnectOptions {
    let gone = Arc::new(AtomicBool::new(false));
    let options = ConnectOptions::new()
        .name("onethread")
        // Listeners here have heard what was told here.
        .no_echo()
        .retry_on_initial_connect()
        .max_reconnects(None)
        .ping_interval(PING_EVERY)
        .connection_timeout(PATIENCE)
        .request_timeout(Some(PATIENCE))
        .subscription_capacity(RECEIVED)
        .client_capacity(COMMANDS)
        .reconnect_delay_callback(move |attempts| {
            AGAIN.pause(u32::try_from(attempts).unwrap_or(u32::MAX), &*entropy)
        })
        .event_callback(move |event| {
            let (back, gone) = (back.clone(), gone.clone());
            async move {
                match event {
                    Event::Connected => {
                        if gone.swap(false, Ordering::Relaxed) {
                            info!("the bus is back");
                        }
                        back.notify_one();
                    }
                    // Received faster than it was taken.
                    Event::SlowConsumer(_) => back.notify_one(),
                    Event::Disconnected | Event::ClientError(_)
                        if !gone.swap(true, Ordering::Relaxed) =>
                    {
                        warn!("the bus is away, readers look at the database meanwhile");
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

/// Sends what waits. While there is no connection hints are dropped: later they would be old.
async fn send<T: Hint>(
    client: impl Future<Output = Option<Client>>,
    topic: &'static str,
    mut waiting: mpsc::Receiver<T>,
) {
    let Some(client) = client.await else { return };
    while let Some(hint) = waiting.recv().await {
        if client.connection_state() != State::Connected {
            continue;
        }
        let subject = subject(topic, shard(hint.organization()));
        let payload = hint.encode().into();
        // An error or a server that hangs costs the hint, as a broken connection does.
        let _ = if hint.trace().is_empty() {
            timeout(PATIENCE, client.publish(subject, payload)).await
        } else {
            let mut headers = HeaderMap::new();
            headers.insert(TRACE, hint.trace());
            timeout(PATIENCE, client.publish_with_headers(subject, headers, payload)).await
        };
    }
}

/// Receives on the subjects of attended shards. When one is new, and whenever the connection is,
/// it says what may have been missed as soon as the server is known to have the subscriptions.
async fn receive<T: Hint>(
    client: impl Future<Output = Option<Client>>,
    topic: &'static str,
    attended: Arc<Attended>,
    back: Arc<Notify>,
    here: broadcast::Sender<Word<T>>,
) {
    let Some(client) = client.await else { return };
    let mut subscribers = SelectAll::new();
    let subscribed = Attended::default();
    let mut unsettled = Vec::new();
    loop {
        tokio::select! {
            Some(message) = subscribers.next() => {
                let message: async_nats::Message = message;
                let headers = message.headers.as_ref();
                let trace = headers.and_then(|headers| headers.get(TRACE));
                let trace = trace.map_or("", |value| value.as_str());
                if let Some(hint) = T::decode(&message.payload, trace) {
                    // An error says that nobody listens here.
                    let _ = here.send(Word::Hint(hint));
                }
            }
            () = attended.more.notified() => {
                let new: Vec<u8> =
                    (0..=u8::MAX).filter(|one| attended.has(*one) && !subscribed.has(*one)).collect();
                for shard in &new {
                    // Without a connection the client keeps it for the one to come.
                    let subscriber = client.subscribe(subject(topic, *shard));
                    let Ok(Ok(subscriber)) = timeout(PATIENCE, subscriber).await else {
                        attended.more.notify_one();
                        break;
                    };
                    subscribers.push(subscriber);
                    subscribed.add(*shard);
                }
                unsettled.extend(new.into_iter().filter(|one| subscribed.has(*one)));
                tell_settled(&client, &mut unsettled, &here).await;
            }
            () = back.notified() => {
                tell_settled(&client, &mut unsettled, &here).await;
                let _ = here.send(Word::Gap(None));
            }
        }
    }
}

/// Says of new subscriptions that something may have been told before them, once the server has
/// them.
async fn tell_settled<T>(
    client: &Client,
    unsettled: &mut Vec<u8>,
    here: &broadcast::Sender<Word<T>>,
) {
    if settled(client).await {
        for shard in unsettled.drain(..) {
            // An error says that nobody listens here.
            let _ = here.send(Word::Gap(Some(shard)));
        }
    }
}

/// Waits until the server has dealt with whatever it was sent on this connection before: it
/// answers by itself that nobody serves the subject. False without a connection or an answer.
async fn settled(client: &Client) -> bool {
    if client.connection_state() != State::Connected {
        return false;
    }
    let asked = timeout(PATIENCE, client.request("onethread.nobody", "".into())).await;
    match asked {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == RequestErrorKind::NoResponders,
        Err(_) => false,
    }
}
