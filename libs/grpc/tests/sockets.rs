//! Peers over real sockets: deadlines over two hops, replicas that come and go, a bounded drain.

#![expect(clippy::disallowed_methods, reason = "these routes are no part of the public API")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

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

/// A service of bare routes, on the air.
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
        life.spawn(Server::new(Routes::from(router), &[]).serve(listener, life.clone()));
        Self { address, life }
    }

    async fn stop(self) -> Duration {
        let begun = Instant::now();
        self.life.stop();
        self.life.drained().await;
        begun.elapsed()
    }
}

fn grpc(status: &Status) -> Response {
    status.clone().into_http()
}

/// Answers with its name.
fn named(name: &'static str) -> Router {
    Router::new()
        .route("/test/Name", post(move || async move { grpc(&Status::new(Code::Aborted, name)) }))
}

/// The status of a call without a message; its text is the service's answer.
async fn call(peer: &Peer, path: &str, timeout: Option<Duration>) -> Status {
    let mut request = http::Request::post(path);
    if let Some(timeout) = timeout {
        request = request.header("grpc-timeout", format!("{}m", timeout.as_millis()));
    }
    let request = request.header("content-type", "application/grpc");
    let mut peer = peer.clone();
    let answer = peer.ready().await.unwrap().call(request.body(Body::empty()).unwrap()).await;
    Status::from_header_map(answer.unwrap().headers()).expect("a status in the head")
}

async fn name(peer: &Peer) -> String {
    call(peer, "/test/Name", None).await.message().to_owned()
}

/// Asks until the answer is this one.
async fn until(peer: &Peer, wanted: Code) -> Duration {
    let begun = Instant::now();
    while call(peer, "/test/Name", None).await.code() != wanted {
        assert!(begun.elapsed() < Duration::from_secs(10), "never {wanted:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    begun.elapsed()
}

/// What is left of the caller's deadline, in milliseconds, as the service was told.
async fn left(request: Request) -> Response {
    let told = request.headers().get("grpc-timeout");
    let told = told.and_then(|told| told.to_str().ok()).unwrap_or("none");
    grpc(&Status::new(Code::Aborted, told))
}

#[tokio::test]
async fn a_deadline_shrinks_over_every_hop() {
    let leaf = Replica::start(Router::new().route("/test/Left", post(left))).await;
    let behind = peer(&[leaf.address]);
    let hop = post(move || {
        let behind = behind.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            grpc(&call(&behind, "/test/Left", None).await)
        }
    });
    let hop = Replica::start(Router::new().route("/test/Left", hop)).await;

    // The first hop's own caller is a client that gives 300 ms; a peer would write its own.
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", hop.address));
    let mut channel = channel.unwrap().connect().await.unwrap();
    let request = http::Request::post("/test/Left").header("grpc-timeout", "300m");
    let answer = channel.ready().await.unwrap().call(request.body(Body::empty()).unwrap()).await;
    let told = Status::from_header_map(answer.unwrap().headers()).unwrap();
    let millis: u64 = told.message().trim_end_matches('m').parse().expect("a deadline arrived");
    assert!((1..=250).contains(&millis), "{millis} ms left behind a hop of 50 ms");
}

/// Tells when it goes.
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
    let leaf = Replica::start(Router::new().route("/test/Never", never)).await;
    let behind = peer(&[leaf.address]);
    let (told, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let hop = post(move || {
        let (behind, told) = (behind.clone(), told.clone());
        async move {
            let status = call(&behind, "/test/Never", None).await;
            told.send(status.code()).unwrap();
            grpc(&status)
        }
    });
    let hop = Replica::start(Router::new().route("/test/Hop", hop)).await;
    let channel = tonic::transport::Channel::from_shared(format!("http://{}", hop.address));
    let mut channel = channel.unwrap().connect().await.unwrap();
    // The first call's share of the deadline is less than what the client waits.
    let request = http::Request::post("/test/Hop").header("grpc-timeout", "300m");
    let begun = Instant::now();
    let answer = channel.ready().await.unwrap().call(request.body(Body::empty()).unwrap()).await;
    let status = answer.map_or_else(
        |error| Status::from_error(Box::new(error)),
        |answer| Status::from_header_map(answer.headers()).unwrap(),
    );
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status}");
    ended.recv().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // Where the hop lived to see it, it saw the deadline and no broken connection.
    if let Ok(seen) = answered.try_recv() {
        assert_eq!(seen, Code::DeadlineExceeded);
    }
}

#[tokio::test]
async fn replicas_take_turns_and_one_that_drains_fails_nobody() {
    let (one, two) = (Replica::start(named("one")).await, Replica::start(named("two")).await);
    let peer = peer(&[one.address, two.address]);
    let mut seen = std::collections::HashMap::<String, usize>::new();
    let begun = Instant::now();
    while seen.len() < 2 {
        *seen.entry(name(&peer).await).or_default() += 1;
        assert!(begun.elapsed() < Duration::from_secs(10), "{seen:?}");
    }
    seen.clear();
    for _ in 0..100 {
        *seen.entry(name(&peer).await).or_default() += 1;
    }
    assert_eq!((seen["one"], seen["two"]), (50, 50));

    // Calls go on while one of the two drains and ends: none of them notices.
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
async fn a_peer_that_is_away_is_unavailable_at_once_and_found_when_it_comes() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let peer = peer(&[address]);
    let begun = Instant::now();
    assert_eq!(call(&peer, "/test/Name", None).await.code(), Code::Unavailable);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    let replica = Replica::start_on(address, named("here")).await;
    until(&peer, Code::Aborted).await;
    replica.stop().await;
    until(&peer, Code::Unavailable).await;
    let _replica = Replica::start_on(address, named("here again")).await;
    let back = until(&peer, Code::Aborted).await;
    assert!(back < Duration::from_secs(3), "{back:?}");
}

#[tokio::test]
async fn a_black_hole_gets_no_calls() {
    // It takes connections and says nothing.
    let hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let there = Replica::start(named("there")).await;
    let peer = peer(&[hole.local_addr().unwrap(), there.address]);
    until(&peer, Code::Aborted).await;
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(name(&peer).await, "there");
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_name_is_looked_up() {
    let there = Replica::start_on("127.0.0.1:0".parse().unwrap(), named("there")).await;
    let url = format!("dns://localhost:{}", there.address.port());
    let peer = Peer::connect(&url.parse().unwrap(), None, &entropy());
    until(&peer, Code::Aborted).await;
    assert_eq!(name(&peer).await, "there");
}

#[tokio::test]
async fn the_drain_is_bounded_with_a_stream_open() {
    // The head of an answer, and a body that never ends.
    let endless = post(|| async {
        let body = axum::body::Body::from_stream(futures::stream::pending::<
            Result<axum::body::Bytes, std::io::Error>,
        >());
        Response::builder().header("content-type", "application/grpc").body(body).unwrap()
    });
    let replica = Replica::start(Router::new().route("/test/Endless", endless)).await;
    let mut peer = peer(&[replica.address]);
    let mut request = http::Request::post("/test/Endless").body(Body::empty()).unwrap();
    request.extensions_mut().insert(onethread_grpc::Unhurried);
    let answer = peer.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let took = replica.stop().await;
    assert!(took < Duration::from_secs(10), "{took:?}");
}
