//! How many connections are open at the same time: over all, sized by the files that the process may
//! open, and by address.

use std::{
    io::Write,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{Arc, LazyLock},
};

use ipnet::IpNet;
use onethread_errors::{Error, Reason};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use crate::{
    address,
    limits::{Place, Places},
    problem::Problem,
};

/// Connections at the same time, live streams included; more wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 20_000;

/// Open files that connections leave free: for databases, other services, uploads and logs.
const RESERVED_FILES: usize = 256;

/// The part of all connections that one address may have, however high its limit is.
const MAX_SHARE_OF_ADDRESS: usize = 4;

/// Seconds after which a client with too many connections may try again.
const RETRY_AFTER_SECONDS: u8 = 10;

/// Counts the connections of a server.
#[derive(Debug)]
pub(crate) struct Connections {
    max: usize,
    permits: Arc<Semaphore>,
    by_address: Option<Places>,
    trusted_proxies: Vec<IpNet>,
}

/// A connection's permit among all, and its place among those of its address.
pub(crate) type Permit = (OwnedSemaphorePermit, Option<Place>);

impl Connections {
    pub(crate) fn new(
        open_files: usize,
        by_address: Option<NonZeroU32>,
        trusted_proxies: Vec<IpNet>,
    ) -> Self {
        let max = max_connections(open_files);
        let share = u32::try_from(max / MAX_SHARE_OF_ADDRESS).ok().and_then(NonZeroU32::new);
        let by_address = by_address.map(|limit| limit.min(share.unwrap_or(NonZeroU32::MIN)));
        let permits = Arc::new(Semaphore::new(max));
        Self { max, permits, by_address: by_address.map(Places::new), trusted_proxies }
    }

    /// How many may be open at the same time.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Waits until one more connection may be accepted.
    pub(crate) async fn permit(&self) -> OwnedSemaphorePermit {
        self.permits.clone().acquire_owned().await.expect("never closed")
    }

    /// Counts an accepted connection. Nothing if its address has too many: then it has been told so
    /// and is closed.
    pub(crate) fn admit(
        &self,
        permit: OwnedSemaphorePermit,
        socket: TcpStream,
        peer: SocketAddr,
    ) -> Option<(Permit, TcpStream)> {
        let counted = address::counted_peer(peer, &self.trusted_proxies);
        let place = match self.by_address.as_ref().zip(counted) {
            None => None,
            Some((places, address)) => match places.take(address) {
                Some(place) => Some(place),
                None => {
                    refuse(socket);
                    return None;
                }
            },
        };
        Some(((permit, place), socket))
    }
}

fn max_connections(open_files: usize) -> usize {
    (open_files - RESERVED_FILES.min(open_files / 2)).clamp(1, MAX_CONNECTIONS)
}

/// Answers without reading. If the system doesn't take the answer at once, there is none.
fn refuse(socket: TcpStream) {
    static ANSWER: LazyLock<String> = LazyLock::new(|| {
        let problem = Problem::new(&Error::new(Reason::RateLimited), String::new());
        let body = serde_json::to_string(&problem).expect("a problem is plain data");
        format!(
            "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/problem+json\r\n\
             retry-after: {RETRY_AFTER_SECONDS}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    });
    if let Ok(mut socket) = socket.into_std() {
        let _ = socket.write(ANSWER.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        assert_eq!(max_connections(1_000_000), MAX_CONNECTIONS);
        assert_eq!(max_connections(1024), 768);
        assert_eq!(max_connections(100), 50);
        assert_eq!(max_connections(0), 1);
    }

    #[tokio::test]
    async fn an_address_has_a_share_of_the_connections_and_a_trusted_proxy_has_all() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = async |connections: &Connections| {
            let client = TcpStream::connect(address).await.unwrap();
            let (socket, peer) = listener.accept().await.unwrap();
            (client, connections.admit(connections.permit().await, socket, peer))
        };
        let limit = NonZeroU32::new(1000);
        let connections = Connections::new(16, limit, Vec::new());
        let mut held = Vec::new();
        for _ in 0..2 {
            let (client, admitted) = open(&connections).await;
            held.push((client, admitted.unwrap()));
        }
        let (mut client, refused) = open(&connections).await;
        assert!(refused.is_none());
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(answer.contains("/problems/rate-limited"), "{answer}");
        held.clear();
        assert!(open(&connections).await.1.is_some());

        let proxy = Connections::new(16, limit, vec!["127.0.0.0/8".parse().unwrap()]);
        for _ in 0..proxy.max() {
            let (client, admitted) = open(&proxy).await;
            held.push((client, admitted.unwrap()));
        }
        assert_eq!(held.len(), 8);
    }
}
