//! Connections with certificates on both sides: who is let in, who isn't, and files that change.

#![expect(clippy::disallowed_methods, reason = "these routes are no part of the public API")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::post};
use onethread_core::{Entropy, SeededEntropy};
use onethread_grpc::{Certificates, Listener, Peer, Server};
use onethread_lifecycle::Lifecycle;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::{
    Code, Status,
    body::Body,
    service::Routes,
    transport::{Certificate, Channel, ClientTlsConfig},
};
use tower::{Service, ServiceExt};

/// Somebody whose signature counts with some.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for a host and its key.
    fn sign(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// The files of one process.
struct Files(TempDir);

impl Files {
    /// Signed by one authority, believing in another.
    fn new(signed_by: &Authority, host: &str, believing: &Authority) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(signed_by, host, believing);
        files
    }

    fn write(&self, signed_by: &Authority, host: &str, believing: &Authority) {
        let (cert, key) = signed_by.sign(host);
        fs::write(self.path("cert.pem"), cert).unwrap();
        fs::write(self.path("key.pem"), key).unwrap();
        fs::write(self.path("ca.pem"), &believing.pem).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn certificates(&self) -> Certificates {
        let [cert, key, ca] = ["cert.pem", "key.pem", "ca.pem"].map(|name| self.path(name));
        Certificates::load(cert, key, ca).unwrap()
    }
}

/// A service that counts its calls.
struct Replica {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    life: Lifecycle,
}

impl Replica {
    async fn start(files: &Files) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let name = post(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { Status::new(Code::Aborted, "here").into_http::<axum::body::Body>() }
        });
        let routes = Routes::from(Router::new().route("/test/Name", name));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, life) = (socket.local_addr().unwrap(), Lifecycle::new());
        let listener = Listener::new(socket, Some(files.certificates()));
        life.spawn(Server::new(routes, &[]).serve(listener, life.clone()));
        Self { address, calls, life }
    }

    fn peer(&self, host: &str, files: Option<&Files>) -> Peer {
        let scheme = if files.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{host}:{}", self.address.port());
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
        let certificates = files.map(Files::certificates);
        Peer::connect(&url.parse().unwrap(), certificates.as_ref(), &entropy)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn request() -> http::Request<Body> {
    let request = http::Request::post("/test/Name").header("content-type", "application/grpc");
    request.body(Body::empty()).unwrap()
}

async fn call(peer: &Peer) -> Code {
    let mut peer = peer.clone();
    let answer = peer.ready().await.unwrap().call(request()).await.unwrap();
    Status::from_header_map(answer.headers()).unwrap().code()
}

/// Calls until the answer is this one.
async fn until(peer: &Peer, wanted: Code) {
    let begun = Instant::now();
    while call(peer).await != wanted {
        assert!(begun.elapsed() < Duration::from_secs(20), "never {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Long enough for several attempts to connect.
async fn stays_away(peer: &Peer) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        assert_eq!(call(peer).await, Code::Unavailable);
    }
}

#[tokio::test]
async fn who_shows_a_certificate_of_the_authority_is_served() {
    let ours = Authority::new();
    let server = Files::new(&ours, "localhost", &ours);
    let replica = Replica::start(&server).await;
    let client = Files::new(&ours, "client", &ours);
    let peer = replica.peer("localhost", Some(&client));
    until(&peer, Code::Aborted).await;
    assert_eq!(replica.calls(), 1);
    // The drain is as ever.
    let begun = Instant::now();
    replica.life.stop();
    replica.life.drained().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_address_can_be_the_name() {
    let ours = Authority::new();
    let files = Files::new(&ours, "127.0.0.1", &ours);
    let replica = Replica::start(&files).await;
    until(&replica.peer("127.0.0.1", Some(&files)), Code::Aborted).await;
}

#[tokio::test]
async fn nobody_else_is_served() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = Files::new(&ours, "localhost", &ours);
    let replica = Replica::start(&server).await;

    // One signed by another authority, and one that comes in the clear.
    let foreign = Files::new(&theirs, "client", &ours);
    stays_away(&replica.peer("localhost", Some(&foreign))).await;
    stays_away(&replica.peer("localhost", None)).await;

    // None at all: the client may learn of it only when it calls.
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&ours.pem))
        .domain_name("localhost");
    let endpoint = Channel::from_shared(format!("https://{}", replica.address)).unwrap();
    if let Ok(mut channel) = endpoint.tls_config(tls).unwrap().connect().await
        && let Ok(channel) = channel.ready().await
    {
        channel.call(request()).await.unwrap_err();
    }
    assert_eq!(replica.calls(), 0);
    // All that didn't keep it from its work.
    let client = Files::new(&ours, "client", &ours);
    until(&replica.peer("localhost", Some(&client)), Code::Aborted).await;
}

#[tokio::test]
async fn a_server_that_is_not_the_one_meant_gets_no_calls() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let client = Files::new(&ours, "client", &ours);
    for server in [Files::new(&ours, "elsewhere", &ours), Files::new(&theirs, "localhost", &ours)] {
        let replica = Replica::start(&server).await;
        stays_away(&replica.peer("localhost", Some(&client))).await;
        assert_eq!(replica.calls(), 0);
    }
}

#[tokio::test]
async fn silence_holds_nobody_up() {
    let ours = Authority::new();
    let files = Files::new(&ours, "localhost", &ours);
    let replica = Replica::start(&files).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(tokio::net::TcpStream::connect(replica.address).await.unwrap());
    }
    let begun = Instant::now();
    until(&replica.peer("localhost", Some(&files)), Code::Aborted).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn new_files_are_used_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = Files::new(&old, "localhost", &old);
    let client = Files::new(&old, "client", &old);
    let replica = Replica::start(&server).await;
    until(&replica.peer("localhost", Some(&client)), Code::Aborted).await;

    // A key that doesn't belong to its certificate changes nothing.
    let good = fs::read(server.path("key.pem")).unwrap();
    fs::write(server.path("key.pem"), new.sign("localhost").1).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    until(&replica.peer("localhost", Some(&client)), Code::Aborted).await;
    fs::write(server.path("key.pem"), good).unwrap();

    // A client whose own files are not good yet is let in once they are.
    let late = Files::new(&new, "client", &new);
    let peer = replica.peer("localhost", Some(&late));
    assert_eq!(call(&peer).await, Code::Unavailable);
    late.write(&old, "client", &old);
    until(&peer, Code::Aborted).await;

    // The server goes over to the other authority: who comes with the old one is refused.
    server.write(&new, "localhost", &new);
    let renewed = Files::new(&new, "client", &new);
    until(&replica.peer("localhost", Some(&renewed)), Code::Aborted).await;
    let calls = replica.calls();
    stays_away(&replica.peer("localhost", Some(&client))).await;
    assert_eq!(replica.calls(), calls);
    // A connection that stands is left alone.
    assert_eq!(call(&peer).await, Code::Aborted);
}
