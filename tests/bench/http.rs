//! A client of HTTP/1.1 with one connection. It uses as little processor time as possible, because
//! it shares the machine with the measured server.

use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

/// A connection to a server.
pub(crate) struct Http {
    sender: http1::SendRequest<Full<Bytes>>,
    host: String,
    token: Option<String>,
}

impl Http {
    /// Connects to `host:port`.
    pub(crate) async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the port listens");
        Self::over(stream, address).await
    }

    /// Connects from this address of the machine, as if the client were another one.
    pub(crate) async fn connect_from(local: Ipv4Addr, address: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((local, 0).into()).expect("the address is this machine's");
        let server = address.parse().expect("an address");
        let stream = socket.connect(server).await.expect("the port listens");
        Self::over(stream, address).await
    }

    async fn over(stream: TcpStream, address: &str) -> Self {
        stream.set_nodelay(true).expect("a socket takes options");
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        Self { sender, host: address.to_owned(), token: None }
    }

    /// Adds a token.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(format!("Bearer {token}"));
        self
    }

    /// Makes a call with a JSON body, and reads the complete response.
    pub(crate) async fn post(&mut self, path: &str, body: String) -> (StatusCode, Bytes) {
        self.call(Method::POST, path, body).await
    }

    /// Makes a call without a body.
    pub(crate) async fn get(&mut self, path: &str) -> (StatusCode, Bytes) {
        self.call(Method::GET, path, String::new()).await
    }

    /// Opens a stream of events on this connection.
    pub(crate) async fn events(mut self, path: &str) -> Events {
        let mut request = Request::builder().uri(path).header("host", &self.host);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request.body(Full::default()).expect("a request");
        let answer = self.sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        Events { body: answer.into_body(), seen: Vec::new(), _connection: self }
    }

    async fn call(&mut self, method: Method, path: &str, body: String) -> (StatusCode, Bytes) {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host);
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let request = request.body(Full::from(body)).expect("a request");
        self.sender.ready().await.expect("the connection stays");
        let answer = self.sender.send_request(request).await.expect("an answer");
        let status = answer.status();
        (status, answer.into_body().collect().await.expect("a whole answer").to_bytes())
    }
}

/// A stream of events.
pub(crate) struct Events {
    body: Incoming,
    seen: Vec<u8>,
    _connection: Http,
}

impl Events {
    /// Reads until the end of an event that contains this text.
    pub(crate) async fn wait_for(&mut self, wanted: &str) {
        loop {
            while let Some(end) = find(&self.seen, b"\n\n") {
                let event: Vec<u8> = self.seen.drain(..end + 2).collect();
                if find(&event, wanted.as_bytes()).is_some() {
                    return;
                }
            }
            let frame = self.body.frame().await.expect("the stream continues").expect("a frame");
            self.seen.extend(frame.into_data().unwrap_or_default());
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
