//! The baseline for everything that goes through the gateway: a process with an HTTP server that
//! passes JSON to a gRPC server over loopback and returns its response. It does nothing else: no
//! tokens, no checks, no database.

use std::{
    convert::Infallible,
    process::Stdio,
    task::{Context, Poll},
};

use axum::{Json, Router, extract::State};
use futures::future::{BoxFuture, FutureExt};
use http::{Request, Response, uri::PathAndQuery};
use prost::Message;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Status,
    body::Body,
    client::Grpc,
    server::{NamedService, UnaryService},
    transport::{Channel, Server},
};
use tonic_prost::ProstCodec;

use crate::{http::Http, load::Caller};

const PATH: &str = "/bench.Echo/Say";

/// Request and response: a text, in JSON and in protobuf.
#[derive(Clone, PartialEq, Eq, Message, Serialize, Deserialize)]
struct EchoMessage {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Debug, Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl UnaryService<EchoMessage> for Echo {
    type Response = EchoMessage;
    type Future = BoxFuture<'static, Result<tonic::Response<EchoMessage>, Status>>;

    fn call(&mut self, request: tonic::Request<EchoMessage>) -> Self::Future {
        async move { Ok(tonic::Response::new(request.into_inner())) }.boxed()
    }
}

impl tower::Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
        async move { Ok(grpc.unary(Self, request).await) }.boxed()
    }
}

async fn forward(
    State(channel): State<Channel>,
    Json(message): Json<EchoMessage>,
) -> Json<EchoMessage> {
    let mut client = Grpc::new(channel);
    client.ready().await.expect("the connection stays");
    let (path, codec) =
        (PathAndQuery::from_static(PATH), ProstCodec::<EchoMessage, EchoMessage>::default());
    let response = client.unary(tonic::Request::new(message), path, codec).await;
    Json(response.expect("a response").into_inner())
}

/// Serves until the process is killed. Prints its address on stdout.
pub(crate) async fn serve() {
    let loopback = || TcpListener::bind("127.0.0.1:0");
    let inner = loopback().await.expect("a port");
    let address = inner.local_addr().expect("a bound address");
    tokio::spawn(
        Server::builder().add_service(Echo).serve_with_incoming(TcpListenerStream::new(inner)),
    );
    let channel = onethread_tests::channel(&address.to_string()).await;
    let outer = loopback().await.expect("a port");
    println!("{}", outer.local_addr().expect("a bound address"));
    let app = Router::new().fallback(forward).with_state(channel);
    axum::serve(outer, app).await.expect("it serves");
}

/// The baseline as a process. It is killed when this is dropped.
pub(crate) struct EchoProcess {
    _child: Child,
    address: String,
}

impl EchoProcess {
    /// Starts the process.
    pub(crate) async fn start() -> Self {
        let me = std::env::current_exe().expect("a process knows its file");
        let mut command = Command::new(me);
        command.arg("serve-echo").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let line = BufReader::new(child.stdout.take().expect("a pipe")).lines().next_line().await;
        let address = line.expect("a pipe").expect("it prints its address");
        Self { _child: child, address }
    }

    /// Returns callers with a connection each, which send texts of the length of a message.
    pub(crate) async fn callers(&self, count: usize) -> Vec<EchoCaller> {
        let mut callers = Vec::new();
        for _ in 0..count {
            callers.push(EchoCaller(Http::connect(&self.address).await));
        }
        callers
    }
}

/// A caller of the echo service.
pub(crate) struct EchoCaller(Http);

impl Caller for EchoCaller {
    async fn call(&mut self) {
        let message = EchoMessage { text: crate::sends::TEXT.to_owned() };
        let body = serde_json::to_string(&message).expect("JSON");
        let (status, body) = self.0.post("/echo", body).await;
        assert_eq!(status, 200);
        assert_eq!(serde_json::from_slice::<EchoMessage>(&body).expect("JSON"), message);
    }
}
