//! Connections that don't behave like those of an HTTP client.

use std::net::{Ipv4Addr, SocketAddr};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::SHORT_TIMEOUT;

/// A TCP connection.
#[derive(Debug)]
pub struct RawConnection(TcpStream);

impl RawConnection {
    /// Connects to `host:port` from an address of this machine.
    pub async fn open(from: Ipv4Addr, to: &str) -> Self {
        let to: SocketAddr = to.parse().expect("host:port");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::new(from.into(), 0)).expect("an address of this machine");
        let connected = timeout(SHORT_TIMEOUT, socket.connect(to)).await;
        Self(connected.expect("the server accepts").expect("the server accepts"))
    }

    /// Sends bytes. False if the server has closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Sends as much as the server takes at once.
    pub fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.0.try_write(bytes);
    }

    /// Waits for the head of an answer, and returns it; empty if the connection ends before.
    pub async fn answer(&mut self) -> String {
        let mut answer = Vec::new();
        let read = async {
            let mut part = [0; 4096];
            while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
                match self.0.read(&mut part).await {
                    Ok(0) | Err(_) => return,
                    Ok(count) => answer.extend_from_slice(&part[..count]),
                }
            }
        };
        timeout(SHORT_TIMEOUT, read).await.expect("the server answers or closes");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Lets the test itself open as many files as it may.
pub fn raise_open_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
        .expect("no more than allowed");
}
