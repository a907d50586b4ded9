//! The HTTP server: connections in bounds, a deadline on every wait, and an end that nobody holds up.

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
    sync::Semaphore,
    time::timeout,
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;
use tracing::warn;

use crate::address::PeerAddress;

/// Connections held at once, live streams among them; more wait in the listener's backlog.
const CONNECTIONS: usize = 20_000;

/// How long the head of a request may take to arrive, and an idle connection may stay.
const HEAD_WAIT: Duration = Duration::from_secs(30);

/// How long a client may take nothing of what is written to it. One that is slow comes again and
/// goes on where it was; one that is gone shall hold neither memory nor a place.
const WRITE_WAIT: Duration = Duration::from_secs(30);

/// How long calls are still taken once the process drains: whoever stands before it and asks
/// `/readyz` sends them elsewhere meanwhile, so that a restart fails nobody's call.
const LAST_CALLS: Duration = Duration::from_millis(500);

/// How long calls under way may take once the server drains. Streams end by the same word.
const GRACE: Duration = Duration::from_secs(8);

/// Serves until the process stops.
pub(crate) async fn serve(router: Router, listener: TcpListener, life: Lifecycle) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let http = Arc::new(Http::new());
    let stopping = life.stopping();
    let closing = async {
        stopping.await;
        tokio::time::sleep(LAST_CALLS).await;
    };
    tokio::pin!(closing);
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await.expect("never closed");
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut closing => break,
            next = next => next,
        };
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, say: those in use come back.
                warn!(%error, "no connection accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // An event is small and shall not wait for more; a socket that can't be told so still works.
        let _ = socket.set_nodelay(true);
        let watcher = graceful.watcher();
        let (http, router, life) = (http.clone(), router.clone(), life.clone());
        tokio::spawn(async move {
            if let Some(http) = http.spoken(&socket, &life).await {
                connection(http, router, socket, PeerAddress(peer), watcher).await;
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        warn!("calls under way took too long, they are cut off");
    }
}

/// What HTTP/2 begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How connections are served.
struct Http {
    /// Those that begin as HTTP/1 does.
    first: Builder<TokioExecutor>,
    /// All others.
    any: Builder<TokioExecutor>,
}

impl Http {
    fn new() -> Self {
        Self { first: builder().http1_only(), any: builder() }
    }

    /// How a client that has just connected is served; `None` when it says nothing. What it says is
    /// looked at and not taken: a version that is read first, bytes apart, makes the buffer for the
    /// rest twice as large, for as long as the connection lives.
    async fn spoken(
        &self,
        socket: &TcpStream,
        life: &Lifecycle,
    ) -> Option<&Builder<TokioExecutor>> {
        let closing = async {
            life.stopping().await;
            tokio::time::sleep(LAST_CALLS).await;
        };
        let mut begin = [0; PREFACE.len()];
        let count = tokio::select! {
            biased;
            count = timeout(HEAD_WAIT, socket.peek(&mut begin)) => count.ok()?.ok()?,
            () = closing => return None,
        };
        Some(if begin[..count] == PREFACE[..count] { &self.any } else { &self.first })
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(64 * 1024);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    http
}

/// One connection, to its end.
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
    socket.set_write_timeout(Some(WRITE_WAIT));
    let service = service_fn(move |request: http::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request)
    });
    let connection = http.serve_connection(TokioIo::new(Box::pin(socket)), service).into_owned();
    // A client that breaks off is no failure of ours. A block that awaits it would hold room for it
    // twice.
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
    async fn a_client_that_takes_nothing_is_cut_off() {
        let endless = || async {
            Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from("more"))))
        };
        let router = Router::new().fallback_service(MethodRouter::new().fallback(endless));
        let (mut client, server) = duplex(1024);
        let peer = PeerAddress(([127, 0, 0, 1], 1).into());
        let graceful = GracefulShutdown::new();
        let serving = connection(&builder(), router, server, peer, graceful.watcher());
        let begun = Instant::now();
        let serving = tokio::spawn(serving);
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // It reads on for longer than the wait, and then no more.
        let mut part = [0; 512];
        for _ in 0..10 {
            tokio::time::sleep(WRITE_WAIT / 5).await;
            client.read_exact(&mut part).await.unwrap();
        }
        assert!(begun.elapsed() > WRITE_WAIT && !serving.is_finished());
        serving.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), WRITE_WAIT.as_secs() * 3);
    }
}
