//! Certificates for mutual TLS between services. The files are read for each use, because their
//! renewal only replaces them. `incoming` and `replicas` use them for connections.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// Largest size of a file.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Paths of this process's certificate, its key and the certificates of the CA, all in PEM. Both
/// ends of a connection present a certificate, and each trusts those that this CA has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates(Arc<Files>);

#[derive(Debug, PartialEq, Eq)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

/// A file can't be used. The message names it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct CertificateError {
    file: PathBuf,
    reason: String,
}

impl Certificates {
    /// Checks that the files can be used, before anything is bound.
    ///
    /// # Errors
    ///
    /// When a file can't be read, or doesn't contain usable PEM.
    pub fn load(cert: PathBuf, key: PathBuf, ca: PathBuf) -> Result<Self, CertificateError> {
        let certificates = Self(Arc::new(Files { cert, key, ca }));
        certificates.0.read()?.server()?;
        Ok(certificates)
    }

    /// Reads the files.
    pub(crate) async fn read(&self) -> Result<Contents, CertificateError> {
        let files = self.0.clone();
        let read = tokio::task::spawn_blocking(move || files.read()).await;
        // The task fails when the runtime is shutting down.
        read.unwrap_or_else(|error| Err(unusable(&self.0.cert, error)))
    }

    /// Configures an endpoint for mutual TLS. The server's certificate must be for `host`.
    pub(crate) async fn secure(
        &self,
        endpoint: Endpoint,
        host: &str,
    ) -> Result<Endpoint, CertificateError> {
        let Contents { cert, key, ca, .. } = self.read().await?;
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(ca))
            .identity(Identity::from_pem(cert, key))
            .domain_name(host);
        endpoint.tls_config(tls).map_err(|error| unusable(&self.0.cert, error))
    }
}

impl Files {
    fn read(self: &Arc<Self>) -> Result<Contents, CertificateError> {
        Ok(Contents {
            cert: read_file(&self.cert)?,
            key: read_file(&self.key)?,
            ca: read_file(&self.ca)?,
            files: self.clone(),
        })
    }
}

fn read_file(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut content = Vec::new();
    let read =
        File::open(file).and_then(|open| open.take(MAX_FILE_BYTES + 1).read_to_end(&mut content));
    read.map_err(|error| unusable(file, error))?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(unusable(file, io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(content)
}

fn unusable(file: &Path, reason: impl ToString) -> CertificateError {
    CertificateError { file: file.to_owned(), reason: reason.to_string() }
}

/// Contents of the files. It isn't `Debug`, because it contains the key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    files: Arc<Files>,
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Vec<u8>,
}

impl Contents {
    /// Creates the configuration of a server, which requires client certificates and HTTP/2.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let Files { cert, key, ca } = &*self.files;
        let mut roots = RootCertStore::empty();
        for root in certificates(ca, &self.ca)? {
            roots.add(root).map_err(|error| unusable(ca, error))?;
        }
        let chain = certificates(cert, &self.cert)?;
        let secret =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| unusable(key, "no PEM key"))?;
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| unusable(ca, error))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("ring supports TLS 1.3")
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, secret)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(_) => unusable(cert, error),
                _ => unusable(key, error),
            })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would be trusted without verifying its certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

fn certificates(
    file: &Path,
    content: &[u8],
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    match parsed {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(unusable(file, "no PEM certificates")),
    }
}
