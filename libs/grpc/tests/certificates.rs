//! Mutual TLS: which clients and servers are accepted, and how changed files are loaded.

#![expect(clippy::disallowed_methods, reason = "these routes are not in the public API")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

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

/// A CA.
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

    /// Creates a certificate for a host, with its key.
    fn sign(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// The files of one process.
struct Files(TempDir);

impl Files {
    /// The certificate is signed by one CA. Certificates of the other CA are trusted.
    fn new(signed_by: &Authority, host: &str, trusted: &Authority) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.write(signed_by, host, trusted);
        files
    }

    fn write(&self, signed_by: &Authority, host: &str, trusted: &Authority) {
        let (cert, key) = signed_by.sign(host);
        fs::write(self.path("cert.pem"), cert).unwrap();
        fs::write(self.path("key.pem"), key).unwrap();
        fs::write(self.path("ca.pem"), &trusted.pem).unwrap();
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
        let counter = calls.clone();
        let name = post(move || {
            counter.fetch_add(1, Ordering::SeqCst);
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
    let response = peer.ready().await.unwrap().call(request()).await.unwrap();
    Status::from_header_map(response.headers()).unwrap().code()
}

/// Repeats a call until it returns this code.
async fn wait_for(peer: &Peer, code: Code) {
    let started = Instant::now();
    while call(peer).await != code {
        assert!(started.elapsed() < Duration::from_secs(20), "never {code:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Calls for a second, in which there are several attempts to connect.
async fn stays_unavailable(peer: &Peer) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(1) {
        assert_eq!(call(peer).await, Code::Unavailable);
    }
}

#[tokio::test]
async fn a_client_with_a_certificate_of_the_ca_is_served() {
    let ours = Authority::new();
    let server = Files::new(&ours, "localhost", &ours);
    let replica = Replica::start(&server).await;
    let client = Files::new(&ours, "client", &ours);
    let peer = replica.peer("localhost", Some(&client));
    wait_for(&peer, Code::Aborted).await;
    assert_eq!(replica.calls(), 1);
    // Certificates don't prevent a graceful shutdown.
    let started = Instant::now();
    replica.life.stop();
    replica.life.wait_for_shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_certificate_can_be_for_an_address() {
    let ours = Authority::new();
    let files = Files::new(&ours, "127.0.0.1", &ours);
    let replica = Replica::start(&files).await;
    wait_for(&replica.peer("127.0.0.1", Some(&files)), Code::Aborted).await;
}

#[tokio::test]
async fn other_clients_are_not_served() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let server = Files::new(&ours, "localhost", &ours);
    let replica = Replica::start(&server).await;

    // A certificate of another CA, and a plain connection.
    let foreign = Files::new(&theirs, "client", &ours);
    stays_unavailable(&replica.peer("localhost", Some(&foreign))).await;
    stays_unavailable(&replica.peer("localhost", None)).await;

    // No certificate. Depending on timing the client sees the rejection only at its first call.
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
    // The server still serves other clients.
    let client = Files::new(&ours, "client", &ours);
    wait_for(&replica.peer("localhost", Some(&client)), Code::Aborted).await;
}

#[tokio::test]
async fn a_server_with_another_name_or_ca_gets_no_calls() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let client = Files::new(&ours, "client", &ours);
    for server in [Files::new(&ours, "elsewhere", &ours), Files::new(&theirs, "localhost", &ours)] {
        let replica = Replica::start(&server).await;
        stays_unavailable(&replica.peer("localhost", Some(&client))).await;
        assert_eq!(replica.calls(), 0);
    }
}

#[tokio::test]
async fn silent_connections_do_not_block_others() {
    let ours = Authority::new();
    let files = Files::new(&ours, "localhost", &ours);
    let replica = Replica::start(&files).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(tokio::net::TcpStream::connect(replica.address).await.unwrap());
    }
    let started = Instant::now();
    wait_for(&replica.peer("localhost", Some(&files)), Code::Aborted).await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test]
async fn changed_files_are_loaded_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let server = Files::new(&old, "localhost", &old);
    let client = Files::new(&old, "client", &old);
    let replica = Replica::start(&server).await;
    wait_for(&replica.peer("localhost", Some(&client)), Code::Aborted).await;

    // A key that doesn't belong to its certificate changes nothing.
    let good = fs::read(server.path("key.pem")).unwrap();
    fs::write(server.path("key.pem"), new.sign("localhost").1).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    wait_for(&replica.peer("localhost", Some(&client)), Code::Aborted).await;
    fs::write(server.path("key.pem"), good).unwrap();

    // A client with wrong files is served after they are corrected.
    let late = Files::new(&new, "client", &new);
    let peer = replica.peer("localhost", Some(&late));
    assert_eq!(call(&peer).await, Code::Unavailable);
    late.write(&old, "client", &old);
    wait_for(&peer, Code::Aborted).await;

    // When the server changes to the other CA, clients of the old one are rejected.
    server.write(&new, "localhost", &new);
    let renewed = Files::new(&new, "client", &new);
    wait_for(&replica.peer("localhost", Some(&renewed)), Code::Aborted).await;
    let calls = replica.calls();
    stays_unavailable(&replica.peer("localhost", Some(&client))).await;
    assert_eq!(replica.calls(), calls);
    // Existing connections stay open.
    assert_eq!(call(&peer).await, Code::Aborted);
}
