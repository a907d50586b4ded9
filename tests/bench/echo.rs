//! The yardstick of everything that goes through the gateway: a process with an HTTP server that
//! takes JSON, hands it to a gRPC server over a connection of loopback, and answers what that one
//! says. It does nothing else: no token, no check, no store.

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

/// A text, there and back, in JSON as in protobuf.
#[derive(Clone, PartialEq, Eq, Message, Serialize, Deserialize)]
struct Said {
    #[prost(string, tag = "1")]
    text: String,
}

#[derive(Debug, Clone)]
struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl UnaryService<Said> for Echo {
    type Response = Said;
    type Future = BoxFuture<'static, Result<tonic::Response<Said>, Status>>;

    fn call(&mut self, request: tonic::Request<Said>) -> Self::Future {
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

async fn hand_on(State(channel): State<Channel>, Json(said): Json<Said>) -> Json<Said> {
    let mut client = Grpc::new(channel);
    client.ready().await.expect("the connection stays");
    let (path, codec) = (PathAndQuery::from_static(PATH), ProstCodec::<Said, Said>::default());
    let answer = client.unary(tonic::Request::new(said), path, codec).await;
    Json(answer.expect("an answer").into_inner())
}

/// Serves until it is killed; says on stdout where.
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
    let app = Router::new().fallback(hand_on).with_state(channel);
    axum::serve(outer, app).await.expect("it serves");
}

/// The yardstick as a process; ends with the value.
pub(crate) struct EchoProcess {
    _child: Child,
    address: String,
}

impl EchoProcess {
    /// Starts it.
    pub(crate) async fn start() -> Self {
        let me = std::env::current_exe().expect("a process knows its file");
        let mut command = Command::new(me);
        command.arg("serve-echo").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe")).lines().next_line().await;
        let address = said.expect("a pipe").expect("it says its address");
        Self { _child: child, address }
    }

    /// So many callers, a connection each, whose text is as long as a message.
    pub(crate) async fn callers(&self, count: usize) -> Vec<Echoing> {
        let mut callers = Vec::new();
        for _ in 0..count {
            callers.push(Echoing(Http::connect(&self.address).await));
        }
        callers
    }
}

/// One who calls the echo.
pub(crate) struct Echoing(Http);

impl Caller for Echoing {
    async fn call(&mut self) {
        let said = Said { text: crate::sends::TEXT.to_owned() };
        let body = serde_json::to_string(&said).expect("JSON");
        let (status, body) = self.0.post("/echo", body).await;
        assert_eq!(status, 200);
        assert_eq!(serde_json::from_slice::<Said>(&body).expect("JSON"), said);
    }
}
