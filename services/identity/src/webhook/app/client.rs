//! One delivery over HTTP. The resolver returns public addresses only, so the address that is
//! connected to is one that was checked. Redirects are not followed.

use std::{
    error::Error as StdError,
    io,
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, header};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client, Error,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use onethread_errors::Reason;
use onethread_telemetry::{attributes, spans};
use tokio::{net::lookup_host, time::timeout};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tower::Service;
use tracing::{Instrument, Span};

use crate::webhook::domain::url::{is_public, read_url};

/// How long an attempt may take, from the resolution of the name to the head of the response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a delivery got no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
#[error("{}", self.name())]
pub(super) enum Failure {
    /// The address is private, or the URL has none.
    Address,
    Name,
    Connect,
    Tls,
    Timeout,
    Protocol,
}

impl Failure {
    pub(super) fn name(self) -> &'static str {
        self.into()
    }
}

/// Sends deliveries. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct WebhookClient {
    http: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    allow_private: bool,
}

impl WebhookClient {
    /// `allow_private`: addresses of private networks are allowed.
    pub(crate) fn new(allow_private: bool) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connector = HttpConnector::new_with_resolver(Resolver { allow_private });
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let http = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector);
        Self { http, allow_private }
    }

    /// Posts a body and returns the HTTP status of the response. The receiver gets the trace.
    ///
    /// # Errors
    ///
    /// The failure to connect, or to get a response in time.
    pub(super) async fn post(
        &self,
        url: &str,
        signature: &str,
        body: String,
        attempt: i64,
    ) -> Result<u16, Failure> {
        // The resolver is not asked for URLs with an address instead of a name.
        let url = read_url(url, self.allow_private).map_err(|_| Failure::Address)?;
        let host = url.host_str().unwrap_or_default();
        let span = spans::http_client("POST", host, url.port_or_known_default(), attempt);
        let mut request = Request::post(url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("Onethread/", env!("CARGO_PKG_VERSION")))
            .header(header::CONNECTION, "close")
            .header("Onethread-Signature", signature)
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Failure::Protocol)?;
        onethread_telemetry::inject(&span, request.headers_mut());
        let sent = timeout(REQUEST_TIMEOUT, self.http.request(request)).instrument(span.clone());
        let status = match sent.await {
            Ok(Ok(response)) => Ok(response.status().as_u16()),
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Failure::Timeout),
        };
        record(&span, status);
        status
    }
}

fn record(span: &Span, status: Result<u16, Failure>) {
    let reason = Reason::Unavailable.error_info_reason();
    match status {
        Ok(status) => {
            spans::set(span, attributes::HTTP_RESPONSE_STATUS_CODE, i64::from(status));
            if status >= 400 {
                spans::fail(span, status.to_string(), reason);
            }
        }
        Err(failure) => spans::fail(span, failure.name(), reason),
    }
}

/// Resolves names to public addresses.
#[derive(Debug, Clone)]
struct Resolver {
    allow_private: bool,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Failure;
    type Future = BoxFuture<'static, Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let resolved = lookup_host((name.as_str(), 0)).await.map_err(|_| Failure::Name)?;
            let allowed = resolved.filter(|address| allow_private || is_public(address.ip()));
            let allowed: Vec<_> = allowed.collect();
            if allowed.is_empty() { Err(Failure::Address) } else { Ok(allowed.into_iter()) }
        })
    }
}

/// The connector returns failures of TLS as I/O errors, and wraps those of the resolver and of TCP.
fn failure(error: &Error) -> Failure {
    if !error.is_connect() {
        return Failure::Protocol;
    }
    let mut source = error.source();
    if source.is_some_and(|source| source.is::<io::Error>()) {
        return Failure::Tls;
    }
    while let Some(cause) = source {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return *failure;
        }
        source = cause.source();
    }
    Failure::Connect
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    #[tokio::test]
    async fn a_failure_says_where_the_attempt_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(b"this is neither HTTP nor TLS\r\n\r\n").await.ok();
            }
        });
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let (open, public) = (WebhookClient::new(true), WebhookClient::new(false));
        for (client, url, expected) in [
            (&public, format!("http://127.0.0.1:{port}"), Failure::Address),
            (&public, "http://name.invalid".to_owned(), Failure::Name),
            (&open, format!("http://127.0.0.1:{closed}"), Failure::Connect),
            (&open, format!("http://localhost:{closed}"), Failure::Connect),
            (&open, format!("https://localhost:{port}"), Failure::Tls),
            (&open, format!("http://localhost:{port}"), Failure::Protocol),
        ] {
            let failure = client.post(&url, "t=0,v1=0", String::new(), 1).await.unwrap_err();
            assert_eq!(failure, expected, "{url}");
        }
        server.abort();
    }
}
