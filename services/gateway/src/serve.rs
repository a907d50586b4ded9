//! The HTTP server: bounded connections, a time limit on every wait, and a shutdown that no client
//! delays.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body};
use futures::FutureExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use onethread_lifecycle::Lifecycle;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;
use tracing::{info, warn};

use crate::{address::PeerAddress, app::App, connections::Connections};

/// Time in which the first byte of a new connection has to arrive.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time in which the head of a request has to arrive, and after which an idle connection is closed.
/// Browsers and proxies keep idle connections for the next call.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Time after which a client that reads nothing is disconnected. A slow client reconnects and
/// resumes; a client that is gone must not use memory and a connection.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time for which new connections are still accepted while the process drains: a load balancer that
/// polls `/readyz` stops to send calls meanwhile, so that a restart fails no call.
const ACCEPT_GRACE: Duration = Duration::from_millis(500);

/// Time that running calls have once the server drains. Streams end at once.
const CALL_GRACE: Duration = Duration::from_secs(8);

/// Serves until the process stops.
pub(crate) async fn serve(router: Router, listener: TcpListener, app: Arc<App>) {
    let (config, life) = (&app.config, &app.life);
    let by_address = config.rate_limits.connections;
    let connections =
        Connections::new(config.open_files, by_address, config.trusted_proxies.clone());
    info!(open_files = config.open_files, connections = connections.max(), "accepts connections");
    let graceful = GracefulShutdown::new();
    let http = Arc::new(Http::new());
    let stopping = life.stopping();
    let closing = async {
        stopping.await;
        tokio::time::sleep(ACCEPT_GRACE).await;
    };
    tokio::pin!(closing);
    loop {
        let next = async {
            let permit = connections.permit().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            () = &mut closing => break,
            next = next => next,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // For example out of descriptors, which running connections free again.
                warn!(%error, "accepting a connection failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some((permit, socket)) = connections.admit(permit, socket, peer) else { continue };
        // Small events are sent at once. A socket that doesn't know the option still works.
        let _ = socket.set_nodelay(true);
        let watcher = graceful.watcher();
        let (http, router, life) = (http.clone(), router.clone(), life.clone());
        tokio::spawn(async move {
            if let Some(http) = http.builder_for(&socket, &life).await {
                connection(http, router, socket, PeerAddress(peer), watcher).await;
            }
            drop(permit);
        });
    }
    drop(listener);
    if timeout(CALL_GRACE, graceful.shutdown()).await.is_err() {
        warn!("running calls took too long and are aborted");
    }
}

/// The first bytes of HTTP/2.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocols of connections.
struct Http {
    /// For connections that don't begin like HTTP/2.
    http1: Builder<TokioExecutor>,
    /// For all others.
    any: Builder<TokioExecutor>,
}

impl Http {
    fn new() -> Self {
        Self { http1: builder().http1_only(), any: builder() }
    }

    /// The builder for a new connection, by its first bytes; `None` if the client sends none. The bytes
    /// are peeked at and not read: hyper's own detection reads them, which doubles the buffer of the
    /// connection for as long as it lives.
    async fn builder_for(
        &self,
        socket: &TcpStream,
        life: &Lifecycle,
    ) -> Option<&Builder<TokioExecutor>> {
        let closing = async {
            life.stopping().await;
            tokio::time::sleep(ACCEPT_GRACE).await;
        };
        let mut first = [0; PREFACE.len()];
        let count = tokio::select! {
            biased;
            count = timeout(FIRST_BYTE_TIMEOUT, socket.peek(&mut first)) => count.ok()?.ok()?,
            () = closing => return None,
        };
        Some(if first[..count] == PREFACE[..count] { &self.any } else { &self.http1 })
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(64 * 1024);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    http
}

/// Serves one connection until it ends.
fn connection<S>(
    http: &Builder<TokioExecutor>,
    router: Router,
    socket: S,
    peer: PeerAddress,
    watcher: Watcher,
) -> impl Future<Output = ()> + Send + use<S>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(WRITE_TIMEOUT));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = http.serve_connection(TokioIo::new(Box::pin(socket)), service).into_owned();
    // A client that disconnects is no failure. An async block that awaits the connection would
    // double its memory.
    watcher.watch(connection).map(drop)
}

#[cfg(test)]
mod tests {
    use axum::routing::MethodRouter;
    use bytes::Bytes;
    use futures::stream;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_disconnected() {
        let endless = || async {
            Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from("more"))))
        };
        let router = Router::new().fallback_service(MethodRouter::new().fallback(endless));
        let (mut client, server) = duplex(1024);
        let peer = PeerAddress(([127, 0, 0, 1], 1).into());
        let graceful = GracefulShutdown::new();
        let serving = connection(&builder(), router, server, peer, graceful.watcher());
        let started = Instant::now();
        let serving = tokio::spawn(serving);
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // It reads for longer than the time limit, and then stops.
        let mut part = [0; 512];
        for _ in 0..10 {
            tokio::time::sleep(WRITE_TIMEOUT / 5).await;
            client.read_exact(&mut part).await.unwrap();
        }
        assert!(started.elapsed() > WRITE_TIMEOUT && !serving.is_finished());
        serving.await.unwrap();
        assert_eq!(started.elapsed().as_secs(), WRITE_TIMEOUT.as_secs() * 3);
    }
}
