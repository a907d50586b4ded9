//! One delivery over HTTP. The address that is connected to is the one that was looked at: a name
//! is resolved here, and whatever it resolves to counts. Redirects are not followed.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use url::{Host, Url};

use crate::domain::webhook::{is_public, read_url};

/// How long a delivery may take, from the name to the answer's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a delivery got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The address is private, or no address at all.
    Address,
    Name,
    Connect,
    Tls,
    Timeout,
    Protocol,
}

impl Failure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Name => "name",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
        }
    }
}

/// Posts deliveries. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Poster {
    tls: Arc<ClientConfig>,
    private: bool,
}

impl Poster {
    /// `private`: addresses that the world can't reach are allowed.
    pub(crate) fn new(private: bool) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the usual versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { tls: Arc::new(tls), private }
    }

    /// Posts a body; answers the HTTP status.
    pub(super) async fn post(
        &self,
        url: &str,
        signature: &str,
        body: String,
    ) -> Result<u16, Failure> {
        timeout(PATIENCE, self.attempt(url, signature, body)).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn attempt(&self, url: &str, signature: &str, body: String) -> Result<u16, Failure> {
        let url = read_url(url, self.private).map_err(|_| Failure::Address)?;
        let request = request(&url, signature, body).ok_or(Failure::Protocol)?;
        let stream = self.connect(&url).await?;
        if url.scheme() == "http" {
            return exchange(stream, request).await;
        }
        let host = url.host_str().unwrap_or_default();
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(name).map_err(|_| Failure::Tls)?;
        let secured = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        exchange(secured.map_err(|_| Failure::Tls)?, request).await
    }

    async fn connect(&self, url: &Url) -> Result<TcpStream, Failure> {
        let port = url.port_or_known_default().ok_or(Failure::Address)?;
        let found: Vec<SocketAddr> = match url.host().ok_or(Failure::Address)? {
            Host::Ipv4(ip) => vec![(ip, port).into()],
            Host::Ipv6(ip) => vec![(ip, port).into()],
            Host::Domain(name) => {
                lookup_host((name, port)).await.map_err(|_| Failure::Name)?.collect()
            }
        };
        let allowed = |address: &&SocketAddr| self.private || is_public(address.ip());
        let mut failure = Failure::Address;
        for address in found.iter().filter(allowed) {
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(_) => failure = Failure::Connect,
            }
        }
        Err(failure)
    }
}

fn request(url: &Url, signature: &str, body: String) -> Option<Request<Full<Bytes>>> {
    let host = match (url.host_str()?, url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Request::post(target)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, concat!("Onethread/", env!("CARGO_PKG_VERSION")))
        .header(header::CONNECTION, "close")
        .header("Onethread-Signature", signature)
        .body(Full::new(Bytes::from(body)))
        .ok()
}

/// Sends the request and reads the head of the answer; what follows is nobody's business.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let broken = |_| Failure::Protocol;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let mut answer = std::pin::pin!(sender.send_request(request));
    let mut connection = std::pin::pin!(connection);
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // Its end may bring the answer with it.
        _ = &mut connection => answer.await,
    };
    Ok(answer.map_err(broken)?.status().as_u16())
}

impl std::fmt::Debug for Poster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poster").finish_non_exhaustive()
    }
}
