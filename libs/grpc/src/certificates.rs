//! The certificates that services show each other. The files are the truth: they are read anew
//! for each use, since whoever renews them only replaces them. What is made of a connection lies
//! in `incoming` and `keeper`.

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

/// Bytes of one file at most.
const BYTES: u64 = 1024 * 1024;

/// Where this process's certificate, its key and the authority's certificates lie, all PEM. Both
/// ends of a connection show a certificate, and each believes what this authority signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates(Arc<Files>);

#[derive(Debug, PartialEq, Eq)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

/// A file can't be used; the line names it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct CertificateError {
    file: PathBuf,
    why: String,
}

impl Certificates {
    /// Reads the files once, to refuse what can't be used before anything is bound.
    pub fn load(cert: PathBuf, key: PathBuf, ca: PathBuf) -> Result<Self, CertificateError> {
        let certificates = Self(Arc::new(Files { cert, key, ca }));
        certificates.0.read()?.server()?;
        Ok(certificates)
    }

    /// What the files hold now.
    pub(crate) async fn read(&self) -> Result<Contents, CertificateError> {
        let files = self.0.clone();
        let read = tokio::task::spawn_blocking(move || files.read()).await;
        // The runtime may be going.
        read.unwrap_or_else(|error| Err(refused(&self.0.cert, error)))
    }

    /// The endpoint with certificates on both sides; the other end's has to be `host`'s.
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
        endpoint.tls_config(tls).map_err(|error| refused(&self.0.cert, error))
    }
}

impl Files {
    fn read(self: &Arc<Self>) -> Result<Contents, CertificateError> {
        Ok(Contents {
            cert: content(&self.cert)?,
            key: content(&self.key)?,
            ca: content(&self.ca)?,
            files: self.clone(),
        })
    }
}

fn content(file: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut content = Vec::new();
    let read = File::open(file).and_then(|open| open.take(BYTES + 1).read_to_end(&mut content));
    read.map_err(|error| refused(file, error))?;
    if content.len() as u64 > BYTES {
        return Err(refused(file, io::Error::from(io::ErrorKind::FileTooLarge)));
    }
    Ok(content)
}

fn refused(file: &Path, why: impl ToString) -> CertificateError {
    CertificateError { file: file.to_owned(), why: why.to_string() }
}

/// What the files held at one moment. Never shown: there is a key in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    files: Arc<Files>,
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Vec<u8>,
}

impl Contents {
    /// How a server shakes hands: with clients that show a certificate, in HTTP/2.
    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let Files { cert, key, ca } = &*self.files;
        let mut roots = RootCertStore::empty();
        for root in certificates(ca, &self.ca)? {
            roots.add(root).map_err(|error| refused(ca, error))?;
        }
        let chain = certificates(cert, &self.cert)?;
        let secret =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| refused(key, "no PEM key"))?;
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| refused(ca, error))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks it")
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, secret)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(_) => refused(cert, error),
                _ => refused(key, error),
            })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A session taken up again would be believed without a look at its certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

fn certificates(
    file: &Path,
    content: &[u8],
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(refused(file, "no PEM certificates")),
    }
}
