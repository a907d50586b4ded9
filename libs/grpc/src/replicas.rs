//! Maintains the list of ready replicas, with one connection to each.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use onethread_core::{Backoff, Entropy};
use tokio::{
    net::lookup_host,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::{
    Status,
    codegen::StdError,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tracing::{debug, info, warn};

use crate::{
    CertificateError, Certificates, addresses::Address, remote::ReadyReplicas, server::READINESS,
};

/// How long a connection, a name resolution or the first health message may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Interval at which names are resolved.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(3);

/// Delays between attempts to connect.
const CONNECT_BACKOFF: Backoff =
    Backoff { initial: Duration::from_millis(50), max: Duration::from_secs(1) };

/// Largest number of addresses that are used of one name.
const MAX_ADDRESSES: usize = 256;

/// A connection without traffic for this long gets a ping.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// How long a ping's response may take before the connection is closed.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Maintains the replicas of an address, forever. Dropping the future drops their connections.
pub(crate) async fn maintain_address(
    address: Address,
    certificates: Option<Certificates>,
    ready: Arc<watch::Sender<ReadyReplicas>>,
    entropy: Arc<dyn Entropy>,
) {
    let connector = Arc::new(Connector { host: address.host.clone(), certificates });
    let mut replicas: HashMap<SocketAddr, Replica> = HashMap::new();
    let mut logged = false;
    loop {
        match resolve(&address).await {
            Some(addresses) => {
                logged = false;
                replicas.retain(|address, _| addresses.contains(address));
                for address in addresses {
                    replicas.entry(address).or_insert_with(|| {
                        let (connector, ready) = (connector.clone(), ready.clone());
                        let dropped = AtomicBool::new(false);
                        let entry = Entry { address, connector, ready, dropped };
                        Replica::new(entry, entropy.clone())
                    });
                }
            }
            // When the resolver fails, the known replicas stay.
            None if !logged => {
                warn!(%address, "can't resolve the name");
                logged = true;
            }
            None => {}
        }
        sleep(RESOLVE_INTERVAL).await;
    }
}

async fn resolve(address: &Address) -> Option<Vec<SocketAddr>> {
    let lookup = lookup_host((address.host.as_str(), address.port));
    let addresses = timeout(CONNECT_TIMEOUT, lookup).await.ok()?.ok()?;
    let addresses: Vec<_> = addresses.take(MAX_ADDRESSES).collect();
    (!addresses.is_empty()).then_some(addresses)
}

/// A replica. It is removed from the list when this is dropped.
struct Replica {
    entry: Arc<Entry>,
    _task: AbortOnDropHandle<()>,
}

impl Replica {
    fn new(entry: Entry, entropy: Arc<dyn Entropy>) -> Self {
        let entry = Arc::new(entry);
        let task = AbortOnDropHandle::new(tokio::spawn(maintain_replica(entry.clone(), entropy)));
        Self { entry, _task: task }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // The task may still be running: the flag keeps it from adding the entry again.
        self.entry.dropped.store(true, Ordering::SeqCst);
        self.entry.remove();
    }
}

/// A replica's entry in the list of ready replicas.
struct Entry {
    address: SocketAddr,
    connector: Arc<Connector>,
    ready: Arc<watch::Sender<ReadyReplicas>>,
    dropped: AtomicBool,
}

impl Entry {
    fn add(&self, channel: &Channel) {
        // Under the list's lock: either the flag is seen here, or `remove` runs after this.
        self.ready.send_if_modified(|ready| {
            let is_wanted = !self.dropped.load(Ordering::SeqCst);
            if is_wanted {
                ready.push((self.address, channel.clone()));
            }
            is_wanted
        });
    }

    fn remove(&self) {
        self.ready.send_if_modified(|ready| {
            let before = ready.len();
            ready.retain(|(address, _)| *address != self.address);
            ready.len() != before
        });
    }
}

/// Connects to a replica, forever. The replica is in the list while it reports that it is ready.
async fn maintain_replica(entry: Arc<Entry>, entropy: Arc<dyn Entropy>) {
    let address = entry.address;
    let mut failures = 0_u32;
    let mut logged = false;
    loop {
        let status = watch_health(&entry, &mut failures, &mut logged).await;
        entry.remove();
        failures = failures.saturating_add(1);
        if !logged {
            warn!(%address, code = ?status.code(), "replica is not ready");
            logged = true;
        }
        sleep(CONNECT_BACKOFF.delay(failures, &*entropy)).await;
    }
}

/// Opens a connection and watches the replica's health on it. Returns when the replica isn't ready
/// any more, or the connection breaks.
async fn watch_health(entry: &Entry, failures: &mut u32, logged: &mut bool) -> Status {
    let address = entry.address;
    let timed_out = || Status::deadline_exceeded("timed out");
    let disconnected = || Status::unavailable("no connection");
    let channel = match timeout(CONNECT_TIMEOUT, entry.connector.connect(address)).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => {
            // Only the operator can correct unusable files, so they are logged as a warning.
            match error.downcast_ref::<CertificateError>() {
                Some(error) if !*logged => warn!(%error, "can't use the certificates"),
                _ => debug!(error, %address, "can't connect"),
            }
            return disconnected();
        }
        Err(_) => return timed_out(),
    };
    let request = HealthCheckRequest { service: READINESS.to_owned() };
    let mut client = HealthClient::new(channel.clone());
    let mut health = match timeout(CONNECT_TIMEOUT, client.watch(request)).await {
        Ok(Ok(health)) => health.into_inner(),
        Ok(Err(status)) => return status,
        Err(_) => return timed_out(),
    };
    let mut listed = false;
    loop {
        // After the first message there is no timeout: keepalive pings watch the connection.
        let message = if listed {
            health.message().await
        } else {
            match timeout(CONNECT_TIMEOUT, health.message()).await {
                Ok(message) => message,
                Err(_) => return timed_out(),
            }
        };
        match message {
            Ok(Some(message)) if message.status() == ServingStatus::Serving => {
                if !listed {
                    listed = true;
                    *failures = 0;
                    if std::mem::take(logged) {
                        info!(%address, "replica is ready again");
                    }
                    entry.add(&channel);
                }
            }
            Ok(Some(_)) => return Status::unavailable("shutting down"),
            Ok(None) => return disconnected(),
            Err(status) => return status,
        }
    }
}

/// Opens connections to the replicas of one name.
struct Connector {
    host: String,
    certificates: Option<Certificates>,
}

impl Connector {
    async fn connect(&self, address: SocketAddr) -> Result<Channel, StdError> {
        let Some(certificates) = &self.certificates else {
            return Ok(endpoint("http", address).connect().await?);
        };
        let endpoint = certificates.secure(endpoint("https", address), &self.host).await?;
        Ok(endpoint.connect().await?)
    }
}

fn endpoint(scheme: &str, address: SocketAddr) -> Endpoint {
    Channel::from_shared(format!("{scheme}://{address}"))
        .expect("a socket address is valid in a URL")
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}
