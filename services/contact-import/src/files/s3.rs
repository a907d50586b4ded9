//! A bucket in the S3 protocol, with credentials, region and endpoint from the usual `AWS_*`
//! variables. Requests go out through hyper, with the TLS that the other connections have.

use std::{sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use object_store::{
    ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{
        HttpClient, HttpConnector as Connector, HttpError, HttpErrorKind, HttpRequest,
        HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
    },
};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// How long a connection may take to stand.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Further tries of a call.
const TRIES: usize = 5;
/// How long a call is tried again.
const TRYING: Duration = Duration::from_secs(30);

/// The bucket. Whether it can be reached shows with the first file.
pub(super) fn bucket(name: &str) -> Result<AmazonS3, String> {
    let http = Http::new()?;
    let tries = RetryConfig { max_retries: TRIES, retry_timeout: TRYING, ..RetryConfig::default() };
    AmazonS3Builder::from_env()
        .with_bucket_name(name)
        .with_http_connector(http)
        .with_retry(tries)
        .build()
        .map_err(|error| error.to_string())
}

/// Sends requests. Cheap to clone.
#[derive(Debug, Clone)]
struct Http(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

impl Http {
    fn new() -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // A store of one's own is signed by an authority of one's own.
        if let Some(file) = std::env::var_os("AWS_CA_BUNDLE").filter(|file| !file.is_empty()) {
            let refused = |why: String| format!("AWS_CA_BUNDLE: {why}");
            let found = CertificateDer::pem_file_iter(&file);
            for certificate in found.map_err(|error| refused(error.to_string()))? {
                let certificate = certificate.map_err(|error| refused(error.to_string()))?;
                roots.add(certificate).map_err(|error| refused(error.to_string()))?;
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        // Plain HTTP goes where the endpoint itself says http://.
        let both = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(both);
        Ok(Self(client))
    }
}

impl Connector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[tonic::async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let failed = |error: legacy::Error| {
            let kind = if error.is_connect() {
                HttpErrorKind::Connect
            } else {
                HttpErrorKind::Interrupted
            };
            HttpError::new(kind, error)
        };
        let answer = self.0.request(request).await.map_err(failed)?;
        let cut = |error: hyper::Error| HttpError::new(HttpErrorKind::Interrupted, error);
        Ok(answer.map(|body| HttpResponseBody::new(body.map_err(cut))))
    }
}
