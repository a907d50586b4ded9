//! Keeps the list of replicas that serve: one connection each, held and watched.

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

use crate::{CertificateError, Certificates, addresses::Address, remote::Live, server::READINESS};

/// How long a connection may take to stand, and a resolver or a first word of health to come.
const CONNECT: Duration = Duration::from_secs(2);

/// How often a name is looked up again.
const LOOK_UP: Duration = Duration::from_secs(3);

/// Pauses between attempts to connect.
const PAUSES: Backoff =
    Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(1) };

/// Addresses taken from behind one name.
const MOST: usize = 256;

/// A connection on which nothing is heard for so long is asked, and given up if it doesn't answer.
const QUIET: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(10);

/// Follows what is behind an address for ever. Dropping it ends all that it keeps.
pub(crate) async fn follow(
    address: Address,
    certificates: Option<Certificates>,
    live: Arc<watch::Sender<Live>>,
    entropy: Arc<dyn Entropy>,
) {
    let link = Arc::new(Link { host: address.host.clone(), certificates });
    let mut kept: HashMap<SocketAddr, Kept> = HashMap::new();
    let mut told = false;
    loop {
        match look_up(&address).await {
            Some(found) => {
                told = false;
                kept.retain(|address, _| found.contains(address));
                for address in found {
                    kept.entry(address).or_insert_with(|| {
                        let (link, live) = (link.clone(), live.clone());
                        let given_up = AtomicBool::new(false);
                        Kept::new(Place { address, link, live, given_up }, entropy.clone())
                    });
                }
            }
            // A resolver that is away makes no replica go away.
            None if !told => {
                warn!(%address, "the name leads nowhere");
                told = true;
            }
            None => {}
        }
        sleep(LOOK_UP).await;
    }
}

async fn look_up(address: &Address) -> Option<Vec<SocketAddr>> {
    let found = lookup_host((address.host.as_str(), address.port));
    let found: Vec<_> = timeout(CONNECT, found).await.ok()?.ok()?.take(MOST).collect();
    (!found.is_empty()).then_some(found)
}

/// A replica under watch; out of the list for good when this is dropped.
struct Kept {
    place: Arc<Place>,
    _task: AbortOnDropHandle<()>,
}

impl Kept {
    fn new(place: Place, entropy: Arc<dyn Entropy>) -> Self {
        let place = Arc::new(place);
        let task = AbortOnDropHandle::new(tokio::spawn(keep(place.clone(), entropy)));
        Self { place, _task: task }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // The task may be at it this moment: what it does after this counts no more.
        self.place.given_up.store(true, Ordering::SeqCst);
        self.place.leave();
    }
}

/// A replica's place in the list.
struct Place {
    address: SocketAddr,
    link: Arc<Link>,
    live: Arc<watch::Sender<Live>>,
    given_up: AtomicBool,
}

impl Place {
    fn take(&self, channel: &Channel) {
        // The list's lock is held: either it is seen here, or the leaving comes after this.
        self.live.send_if_modified(|live| {
            let wanted = !self.given_up.load(Ordering::SeqCst);
            if wanted {
                live.push((self.address, channel.clone()));
            }
            wanted
        });
    }

    fn leave(&self) {
        self.live.send_if_modified(|live| {
            let before = live.len();
            live.retain(|(address, _)| *address != self.address);
            live.len() != before
        });
    }
}

/// Connects again and again; the replica is in the list while it says that it serves.
async fn keep(place: Arc<Place>, entropy: Arc<dyn Entropy>) {
    let address = place.address;
    let mut failures = 0_u32;
    let mut told = false;
    loop {
        let lost = serve(&place, &mut failures, &mut told).await;
        place.leave();
        failures = failures.saturating_add(1);
        if !told {
            warn!(%address, code = ?lost.code(), "a replica does not serve");
            told = true;
        }
        sleep(PAUSES.pause(failures, &*entropy)).await;
    }
}

/// One connection, for as long as its other end serves.
async fn serve(place: &Place, failures: &mut u32, told: &mut bool) -> Status {
    let address = place.address;
    let late = || Status::deadline_exceeded("not in time");
    let gone = || Status::unavailable("no connection");
    let channel = match timeout(CONNECT, place.link.connect(address)).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => {
            // Files that can't be used are for whoever runs this process to mend.
            match error.downcast_ref::<CertificateError>() {
                Some(error) if !*told => warn!(%error, "the certificates can't be used"),
                _ => debug!(error, %address, "no connection"),
            }
            return gone();
        }
        Err(_) => return late(),
    };
    let request = HealthCheckRequest { service: READINESS.to_owned() };
    let mut client = HealthClient::new(channel.clone());
    let mut health = match timeout(CONNECT, client.watch(request)).await {
        Ok(Ok(health)) => health.into_inner(),
        Ok(Err(status)) => return status,
        Err(_) => return late(),
    };
    let mut listed = false;
    loop {
        // Once it was heard it may be silent: the connection itself is watched below.
        let word = if listed {
            health.message().await
        } else {
            match timeout(CONNECT, health.message()).await {
                Ok(word) => word,
                Err(_) => return late(),
            }
        };
        match word {
            Ok(Some(word)) if word.status() == ServingStatus::Serving => {
                if !listed {
                    listed = true;
                    *failures = 0;
                    if std::mem::take(told) {
                        info!(%address, "the replica serves again");
                    }
                    place.take(&channel);
                }
            }
            Ok(Some(_)) => return Status::unavailable("it drains"),
            Ok(None) => return gone(),
            Err(status) => return status,
        }
    }
}

/// How the replicas behind one name are reached.
struct Link {
    host: String,
    certificates: Option<Certificates>,
}

impl Link {
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
        .expect("a socket's address makes a URL")
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(QUIET)
        .keep_alive_timeout(ANSWER)
        .keep_alive_while_idle(true)
}
