//! An S3-compatible bucket, with credentials, region and endpoint from the usual `AWS_*` variables.
//! Its requests use hyper and the same TLS library as all other connections.

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

/// Longest connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time after which an unused connection is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most retries of a call.
const MAX_RETRIES: usize = 5;
/// Time after which a call is not retried any more.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a bucket, without a request to it.
pub(super) fn bucket(name: &str) -> Result<AmazonS3, String> {
    let http = HyperClient::new()?;
    let retries = RetryConfig {
        max_retries: MAX_RETRIES,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    AmazonS3Builder::from_env()
        .with_bucket_name(name)
        .with_http_connector(http)
        .with_retry(retries)
        .build()
        .map_err(|error| error.to_string())
}

/// Sends requests. Cheap to clone.
#[derive(Debug, Clone)]
struct HyperClient(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

impl HyperClient {
    fn new() -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // A self-hosted store often has a certificate of a private authority.
        if let Some(file) = std::env::var_os("AWS_CA_BUNDLE").filter(|file| !file.is_empty()) {
            let bundle_error = |why: String| format!("AWS_CA_BUNDLE: {why}");
            let found = CertificateDer::pem_file_iter(&file);
            for certificate in found.map_err(|error| bundle_error(error.to_string()))? {
                let certificate = certificate.map_err(|error| bundle_error(error.to_string()))?;
                roots.add(certificate).map_err(|error| bundle_error(error.to_string()))?;
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        tcp.set_nodelay(true);
        // Plain HTTP is used only when the endpoint begins with http://.
        let both = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(both);
        Ok(Self(client))
    }
}

impl Connector for HyperClient {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[tonic::async_trait]
impl HttpService for HyperClient {
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
