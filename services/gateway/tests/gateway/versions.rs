//! The version of HTTP is detected by the first bytes of a connection.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::support::Gateway;

const HTTP1_REQUEST: &[u8] = b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
/// With empty settings.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The first bytes of the answer to a request that is sent in two pieces.
async fn answer(gateway: &Gateway, request: &[u8], first: usize) -> [u8; 9] {
    let mut socket = TcpStream::connect(gateway.address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (begin, rest) = request.split_at(first);
    socket.write_all(begin).await.unwrap();
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    socket.write_all(rest).await.unwrap();
    let mut answer = [0; 9];
    socket.read_exact(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn both_versions_are_detected_however_the_first_bytes_arrive() {
    let gateway = Gateway::start().await;
    for first in [0, 1, 2, 20, 30] {
        assert_eq!(&answer(&gateway, HTTP1_REQUEST, first).await, b"HTTP/1.1 ", "{first}");
        // A frame of settings.
        assert_eq!(answer(&gateway, HTTP2_PREFACE, first).await[3], 4, "{first}");
    }
}

#[tokio::test]
async fn a_silent_connection_does_not_delay_the_shutdown() {
    let gateway = Gateway::start().await;
    let mut silent = TcpStream::connect(gateway.address).await.unwrap();
    // Behind it in the backlog: once this one is answered, the silent one is accepted.
    assert_eq!(&answer(&gateway, HTTP1_REQUEST, 0).await, b"HTTP/1.1 ");
    gateway.life.stop();
    // Long before running calls would be aborted.
    let end = timeout(Duration::from_secs(4), async { silent.read(&mut [0; 1]).await.unwrap() });
    assert_eq!(end.await.expect("the connection is closed"), 0);
    gateway.life.wait_for_shutdown().await;
}
