//! Connections as a server takes them: plain ones by tonic itself, those with certificates here,
//! handed on once both sides have shown theirs.

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

/// How long a handshake may take, and how many may be under way.
const HANDSHAKE: Duration = Duration::from_secs(5);
const HANDSHAKES: usize = 256;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Pause where no connection can be taken, for want of file descriptors say.
const REFUSED: Duration = Duration::from_millis(50);

/// A socket to serve on: plain, or with certificates on both sides.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) certificates: Option<Certificates>,
}

impl Listener {
    /// Without certificates connections are plain.
    pub fn new(socket: TcpListener, certificates: Option<Certificates>) -> Self {
        Self { socket, certificates }
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self::new(socket, None)
    }
}

/// Connections whose two ends have shown their certificates. Dropping it closes the socket and
/// ends the handshakes under way.
pub(crate) struct Incoming {
    shaken: mpsc::Receiver<TlsStream<TcpStream>>,
    _tasks: [AbortOnDropHandle<()>; 2],
}

impl Incoming {
    pub(crate) async fn new(
        socket: TcpListener,
        certificates: Certificates,
    ) -> Result<Self, CertificateError> {
        let contents = certificates.read().await?;
        let (configs, config) = watch::channel(contents.server()?);
        let (sender, shaken) = mpsc::channel(1);
        let tasks = [
            AbortOnDropHandle::new(tokio::spawn(follow(certificates, contents, configs))),
            AbortOnDropHandle::new(tokio::spawn(accept(socket, config, sender))),
        ];
        Ok(Self { shaken, _tasks: tasks })
    }
}

impl Stream for Incoming {
    type Item = io::Result<TlsStream<TcpStream>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shaken.poll_recv(cx).map(|shaken| shaken.map(Ok))
    }
}

/// Shakes hands by what the files hold; files that can't be used leave it as it was.
async fn follow(
    certificates: Certificates,
    mut seen: Contents,
    configs: watch::Sender<Arc<ServerConfig>>,
) {
    let mut told = None;
    loop {
        sleep(LOOK).await;
        let config = match certificates.read().await {
            Ok(contents) if contents == seen => Ok(None),
            Ok(contents) => contents.server().map(|config| Some((contents, config))),
            Err(error) => Err(error),
        };
        match config {
            Ok(None) => told = None,
            Ok(Some((contents, config))) => {
                (seen, told) = (contents, None);
                configs.send_replace(config);
                info!("new certificates are used");
            }
            Err(error) => {
                if told.as_ref() != Some(&error) {
                    warn!(%error, "the certificates stay as they were");
                    told = Some(error);
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
    let slots = Arc::new(Semaphore::new(HANDSHAKES));
    let mut under_way = JoinSet::new();
    loop {
        let slot = slots.clone().acquire_owned().await.expect("it is never closed");
        while under_way.try_join_next().is_some() {}
        let connection = match socket.accept().await {
            Ok((connection, _)) => connection,
            Err(error) => {
                debug!(%error, "a connection was not taken");
                sleep(REFUSED).await;
                continue;
            }
        };
        let acceptor = TlsAcceptor::from(config.borrow().clone());
        let sender = sender.clone();
        under_way.spawn(async move {
            let _slot = slot;
            // A small answer shall not wait for more to go with it; without this it does.
            let _ = connection.set_nodelay(true);
            match timeout(HANDSHAKE, acceptor.accept(connection)).await {
                // Where nobody takes it the server is going.
                Ok(Ok(shaken)) => drop(sender.send(shaken).await),
                Ok(Err(error)) => debug!(%error, "a handshake failed"),
                Err(_) => debug!("a handshake was not done in time"),
            }
        });
    }
}
