//! Incoming TLS connections. They are accepted here and passed to tonic after the handshake. Plain
//! connections are accepted by tonic itself.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::{
    Certificates,
    certificates::{CertificateError, Contents},
};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest number of concurrent handshakes.
const MAX_HANDSHAKES: usize = 256;

/// Interval at which the files are checked for changes.
const RELOAD_INTERVAL: Duration = Duration::from_secs(2);

/// Delay after a connection could not be accepted, for example for lack of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A socket to serve on, plain or with mutual TLS.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) certificates: Option<Certificates>,
}

impl Listener {
    /// Creates a listener. Without certificates its connections are plain.
    pub fn new(socket: TcpListener, certificates: Option<Certificates>) -> Self {
        Self { socket, certificates }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(socket, None)
    }
}

/// Connections after their handshake. Dropping it closes the socket and aborts handshakes.
pub(crate) struct Incoming {
    connections: mpsc::Receiver<TlsStream<TcpStream>>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Incoming {
    pub(crate) async fn new(
        socket: TcpListener,
        certificates: Certificates,
    ) -> Result<Self, CertificateError> {
        let contents = certificates.read().await?;
        let (configs, config) = watch::channel(contents.server()?);
        let (sender, connections) = mpsc::channel(1);
        let tasks = [
            AbortOnDropHandle::new(tokio::spawn(reload(certificates, contents, configs))),
            AbortOnDropHandle::new(tokio::spawn(accept(socket, config, sender))),
        ];
        Ok(Self { connections, _tasks: tasks })
    }
}

impl Stream for Incoming {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(cx).map(|connection| connection.map(Ok))
    }
}

/// Updates the configuration when the files change. Unusable files change nothing.
async fn reload(
    certificates: Certificates,
    mut current: Contents,
    configs: watch::Sender<Arc<ServerConfig>>,
) {
    let mut logged = None;
    loop {
        sleep(RELOAD_INTERVAL).await;
        let config = match certificates.read().await {
            Ok(contents) if contents == current => Ok(None),
            Ok(contents) => contents.server().map(|config| Some((contents, config))),
            Err(error) => Err(error),
        };
        match config {
            Ok(None) => logged = None,
            Ok(Some((contents, config))) => {
                (current, logged) = (contents, None);
                configs.send_replace(config);
                info!("loaded new certificates");
            }
            Err(error) => {
                if logged.as_ref() != Some(&error) {
                    warn!(%error, "can't load new certificates, keeping the current ones");
                    logged = Some(error);
                }
            }
        }
    }
}

async fn accept(
    socket: TcpListener,
    config: watch::Receiver<Arc<ServerConfig>>,
    sender: mpsc::Sender<TlsStream<TcpStream>>,
) {
    let permits = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    let mut handshakes = JoinSet::new();
    loop {
        let permit = permits.clone().acquire_owned().await.expect("it is never closed");
        while handshakes.try_join_next().is_some() {}
        let connection = match socket.accept().await {
            Ok((connection, _)) => connection,
            Err(error) => {
                debug!(%error, "can't accept a connection");
                sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        let acceptor = TlsAcceptor::from(config.borrow().clone());
        let sender = sender.clone();
        handshakes.spawn(async move {
            let _permit = permit;
            // Otherwise small responses are delayed by Nagle's algorithm.
            let _ = connection.set_nodelay(true);
            match timeout(HANDSHAKE_TIMEOUT, acceptor.accept(connection)).await {
                // Sending fails when the server is shutting down.
                Ok(Ok(connection)) => drop(sender.send(connection).await),
                Ok(Err(error)) => debug!(%error, "a handshake failed"),
                Err(_) => debug!("a handshake timed out"),
            }
        });
    }
}
