//! Which version of HTTP a client speaks is told by its first bytes.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::support::Gateway;

const FIRST: &[u8] = b"POST /nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
/// With empty settings behind it.
const SECOND: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The first bytes of the answer to what is said in two pieces.
async fn answer(gateway: &Gateway, said: &[u8], first: usize) -> [u8; 9] {
    let mut socket = TcpStream::connect(gateway.address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (begin, rest) = said.split_at(first);
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
async fn both_are_spoken_however_a_client_begins() {
    let gateway = Gateway::start().await;
    for first in [0, 1, 2, 20, 30] {
        assert_eq!(&answer(&gateway, FIRST, first).await, b"HTTP/1.1 ", "{first}");
        // A frame of settings.
        assert_eq!(answer(&gateway, SECOND, first).await[3], 4, "{first}");
    }
}

#[tokio::test]
async fn who_connects_and_says_nothing_holds_up_no_end() {
    let gateway = Gateway::start().await;
    let mut silent = TcpStream::connect(gateway.address).await.unwrap();
    // Behind it in the backlog: once this one is answered, the silent one is taken.
    assert_eq!(&answer(&gateway, FIRST, 0).await, b"HTTP/1.1 ");
    gateway.life.stop();
    // Long before calls under way would be cut off.
    let end = timeout(Duration::from_secs(4), async { silent.read(&mut [0; 1]).await.unwrap() });
    assert_eq!(end.await.expect("it is let go"), 0);
    gateway.life.drained().await;
}
