//! Peers over real sockets: deadlines over two hops, replicas that start and stop, shutdown.

#![expect(clippy::disallowed_methods, reason = "these routes are not in the public API")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{Router, extract::Request, response::Response, routing::post};
use onethread_core::{Entropy, SeededEntropy};
use onethread_grpc::{Addresses, Peer, Server};
use onethread_lifecycle::Lifecycle;
use tokio::net::TcpListener;
use tonic::{Code, Status, body::Body, service::Routes};
use tower::{Service, ServiceExt};

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SeededEntropy::new(1))
}

fn peer(addresses: &[SocketAddr]) -> Peer {
    let urls: Vec<_> = addresses.iter().map(|address| format!("http://{address}")).collect();
    Peer::connect(&urls.join(",").parse::<Addresses>().unwrap(), None, &entropy())
}

/// A running server with these routes.
struct Replica {
    address: SocketAddr,
    life: Lifecycle,
}

impl Replica {
    async fn start(router: Router) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), router).await
    }

    async fn start_on(address: SocketAddr, router: Router) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let life = Lifecycle::new();
        life.spawn(Server::new(Routes::from(router), &[]).serve(listener.into(), life.clone()));
        Self { address, life }
    }

    async fn stop(self) -> Duration {
        let started = Instant::now();
        self.life.stop();
        self.life.wait_for_shutdown().await;
        started.elapsed()
    }
}

fn response(status: &Status) -> Response {
    status.clone().into_http()
}

/// Routes that return the replica's name in a status.
fn named(name: &'static str) -> Router {
    Router::new().route(
        "/test/Name",
        post(move || async move { response(&Status::new(Code::Aborted, name)) }),
    )
}

/// Calls without a message. The service responds with a status, whose text is the result.
async fn call(peer: &Peer, path: &str, timeout: Option<Duration>) -> Status {
    let mut request = http::Request::post(path);
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", format!("{}m", timeout.as_millis()));
    }
    let request = request.header("content-type", "application/grpc");
    let mut peer = peer.clone();
    let response = peer.ready().await.unwrap().call(request.body(Body::empty()).unwrap()).await;
    Status::from_header_map(response.unwrap().headers()).expect("a status in the headers")
}

async fn name(peer: &Peer) -> String {
    call(peer, "/test/Name", None).await.message().to_owned()
}

/// Repeats a call until it returns this code.
async fn wait_for(peer: &Peer, code: Code) -> Duration {
    let started = Instant::now();
    while call(peer, "/test/Name", None).await.code() != code {
        assert!(started.elapsed() < Duration::from_secs(10), "never {code:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}

/// Returns the `grpc-timeout` of the call.
async fn remaining(request: Request) -> Response {
    let timeout = request.headers().get("grpc-timeout");
    let timeout = timeout.and_then(|timeout| timeout.to_str().ok()).unwrap_or("none");
    response(&Status::new(Code::Aborted, timeout))
}

#[tokio::test]
async fn a_deadline_shrinks_with_every_hop() {
    let last = Replica::start(Router::new().route("/test/Remaining", post(remaining))).await;
    let last_peer = peer(&[last.address]);
    let first = post(move || {
        let last_peer = last_peer.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            response(&call(&last_peer, "/test/Remaining", None).await)
        }
    });
    let first = Replica::start(Router::new().route("/test/Remaining", first)).await;

    // The caller of the first hop is a plain channel, because a peer would set its own timeout.
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", first.address));
    let mut channel = channel.unwrap().connect().await.unwrap();
    let request = http::Request::post("/test/Remaining").header("grpc-timeout", "300m");
    let response = channel.ready().await.unwrap().call(request.body(Body::empty()).unwrap()).await;
    let status = Status::from_header_map(response.unwrap().headers()).unwrap();
    let millis: u64 = status.message().trim_end_matches('m').parse().expect("a deadline arrived");
    assert!((1..=250).contains(&millis), "{millis} ms remaining after a hop of 50 ms");
}

/// Sends a message when it is dropped.
struct Dropped(tokio::sync::mpsc::UnboundedSender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        // The test may be over.
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn the_last_hop_stops_working_when_the_deadline_passes() {
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let never = post(move || {
        let dropped = Dropped(sender.clone());
        async move {
            let _dropped = dropped;
            std::future::pending::<Response>().await
        }
    });
    let last = Replica::start(Router::new().route("/test/Never", never)).await;
    let last_peer = peer(&[last.address]);
    let (sender, mut codes) = tokio::sync::mpsc::unbounded_channel();
    let first = post(move || {
        let (last_peer, sender) = (last_peer.clone(), sender.clone());
        async move {
            let status = call(&last_peer, "/test/Never", None).await;
            sender.send(status.code()).unwrap();
            response(&status)
        }
    });
    let first = Replica::start(Router::new().route("/test/First", first)).await;
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", first.address));
    let mut channel = channel.unwrap().connect().await.unwrap();
    let request = http::Request::post("/test/First").header("grpc-timeout", "300m");
    let started = Instant::now();
    let response = channel.ready().await.unwrap().call(request.body(Body::empty()).unwrap()).await;
    let status = response.map_or_else(
        |error| Status::from_error(Box::new(error)),
        |response| Status::from_header_map(response.headers()).unwrap(),
    );
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
    ended.recv().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    // The first hop may have been dropped before. If not, its own call has ended by the deadline.
    if let Ok(code) = codes.try_recv() {
        assert_eq!(code, Code::DeadlineExceeded);
    }
}

#[tokio::test]
async fn calls_are_distributed_and_none_fails_when_a_replica_shuts_down() {
    let (one, two) = (Replica::start(named("one")).await, Replica::start(named("two")).await);
    let peer = peer(&[one.address, two.address]);
    let mut calls = std::collections::HashMap::<String, usize>::new();
    let started = Instant::now();
    while calls.len() < 2 {
        *calls.entry(name(&peer).await).or_default() += 1;
        assert!(started.elapsed() < Duration::from_secs(10), "{calls:?}");
    }
    calls.clear();
    for _ in 0..100 {
        *calls.entry(name(&peer).await).or_default() += 1;
    }
    assert_eq!((calls["one"], calls["two"]), (50, 50));

    // No call fails while one of the replicas shuts down.
    let stopped = tokio::spawn(one.stop());
    let mut after = 0;
    while !stopped.is_finished() || after < 100 {
        let name = name(&peer).await;
        assert!(["one", "two"].contains(&name.as_str()), "{name}");
        after += usize::from(stopped.is_finished());
        tokio::task::yield_now().await;
    }
    assert!(stopped.await.unwrap() < Duration::from_secs(3));
    assert_eq!(name(&peer).await, "two");
}

#[tokio::test]
async fn calls_without_a_replica_fail_quickly_and_succeed_after_its_start() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let peer = peer(&[address]);
    let started = Instant::now();
    assert_eq!(call(&peer, "/test/Name", None).await.code(), Code::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    let replica = Replica::start_on(address, named("first")).await;
    wait_for(&peer, Code::Aborted).await;
    replica.stop().await;
    wait_for(&peer, Code::Unavailable).await;
    let _replica = Replica::start_on(address, named("second")).await;
    let reconnect = wait_for(&peer, Code::Aborted).await;
    assert!(reconnect < Duration::from_secs(3), "{reconnect:?}");
}

#[tokio::test]
async fn a_silent_server_gets_no_calls() {
    // It accepts connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let replica = Replica::start(named("replica")).await;
    let peer = peer(&[silent.local_addr().unwrap(), replica.address]);
    wait_for(&peer, Code::Aborted).await;
    let started = Instant::now();
    for _ in 0..50 {
        assert_eq!(name(&peer).await, "replica");
    }
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_name_is_resolved() {
    let replica = Replica::start_on("127.0.0.1:0".parse().unwrap(), named("replica")).await;
    let url = format!("dns://localhost:{}", replica.address.port());
    let peer = Peer::connect(&url.parse().unwrap(), None, &entropy());
    wait_for(&peer, Code::Aborted).await;
    assert_eq!(name(&peer).await, "replica");
}

#[tokio::test]
async fn the_shutdown_is_bounded_with_an_open_stream() {
    // Headers, and a body that never ends.
    let endless = post(|| async {
        let body = axum::body::Body::from_stream(futures::stream::pending::<
            Result<axum::body::Bytes, std::io::Error>,
        >());
        Response::builder().header("content-type", "application/grpc").body(body).unwrap()
    });
    let replica = Replica::start(Router::new().route("/test/Endless", endless)).await;
    let mut peer = peer(&[replica.address]);
    let mut request = http::Request::post("/test/Endless").body(Body::empty()).unwrap();
    request.extensions_mut().insert(onethread_grpc::NoDeadline);
    let response = peer.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let shutdown = replica.stop().await;
    assert!(shutdown < Duration::from_secs(10), "{shutdown:?}");
}
