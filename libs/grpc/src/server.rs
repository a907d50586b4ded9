//! A service on the air.

use std::{io, time::Duration};

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use futures::Stream;
use onethread_lifecycle::{Lifecycle, shielded};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::{
    service::Routes,
    transport::server::{Connected, TcpIncoming},
};
use tonic_health::{ServingStatus, server::health_reporter};
use tracing::error;

use crate::{Listener, Peer, deadline, incoming::Incoming, lazily::Lazily, trace};

/// The health service's name for "migrated, not draining"; the empty name says "the process lives".
pub(crate) const READINESS: &str = "readiness";

/// What every server lists.
const BESIDES: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// How long calls are still taken once readiness is denied: those who watch it go elsewhere
/// meanwhile, so that a restart fails nobody's call.
const LAST_CALLS: Duration = Duration::from_millis(200);

/// How long calls under way may take once the server drains. Streams end by the same word.
const GRACE: Duration = Duration::from_secs(8);

/// A service with its layers, health and reflection, ready to be served on a socket and to be
/// called in the process.
#[derive(Debug, Clone)]
pub struct Server {
    routes: Routes,
    health: tonic_health::server::HealthReporter,
}

async fn shield(request: Request, next: Next) -> Response {
    shielded(next.run(request)).await
}

impl Server {
    /// Wraps a service's routes. Order of the layers, outermost first:
    ///
    /// 1. the span, so that whatever follows stands in it;
    /// 2. the shield, so that a handler goes on to its end when its caller leaves;
    /// 3. the deadline, so that it covers all of the handler, and ends what the shield keeps alive.
    ///
    /// Reflection lists `services`, by their full names, beside health and itself.
    pub fn new(routes: Routes, services: &[&'static str]) -> Self {
        let (health, health_service) = health_reporter();
        let listed: Vec<&'static str> = services.iter().copied().chain(BESIDES).collect();
        let reflection = move || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(onethread_proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            listed.iter().fold(builder, |builder, name| builder.with_service_name(*name))
        };
        let alike = reflection.clone();
        // What they keep of the descriptors is megabytes, and few ever ask.
        let (v1, v1alpha) = (
            Lazily::new(move || reflection().build_v1().expect("the descriptors are our own")),
            Lazily::new(move || alike().build_v1alpha().expect("the descriptors are our own")),
        );
        let routes = routes
            .add_service(health_service)
            .add_service(v1)
            .add_service(v1alpha)
            .into_axum_router()
            .layer(from_fn(deadline::enforce))
            .layer(from_fn(shield))
            .layer(from_fn(trace::serve));
        Self { routes: Routes::from(routes), health }
    }

    /// The service for clients in the same process.
    pub fn peer(&self) -> Peer {
        Peer::in_process(self.routes.clone())
    }

    /// Serves until the process stops, then lets calls under way end.
    pub async fn serve(self, listener: impl Into<Listener>, life: Lifecycle) {
        let Listener { socket, certificates } = listener.into();
        let Some(certificates) = certificates else {
            // A small answer shall not wait for more to go with it.
            return self.run(TcpIncoming::from(socket).with_nodelay(Some(true)), life).await;
        };
        match Incoming::new(socket, certificates).await {
            Ok(incoming) => self.run(incoming, life).await,
            Err(error) => {
                error!(%error, "the certificates can't be used");
                life.stop();
            }
        }
    }

    async fn run<I, IO>(self, incoming: I, life: Lifecycle)
    where
        I: Stream<Item = io::Result<IO>>,
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        self.health.set_service_status("", ServingStatus::Serving).await;
        self.health.set_service_status(READINESS, ServingStatus::Serving).await;
        let health = self.health.clone();
        let stopping = life.stopping();
        let drain = async move {
            stopping.await;
            health.set_service_status(READINESS, ServingStatus::NotServing).await;
            tokio::time::sleep(LAST_CALLS).await;
        };
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)))
            .max_concurrent_streams(1024)
            .add_routes(self.routes)
            .serve_with_incoming_shutdown(incoming, drain);
        let stopping = life.stopping();
        let cut_off = async move {
            stopping.await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            ended = server => if let Err(error) = ended {
                error!(%error, "gRPC server ended");
                life.stop();
            },
            // An idle connection or an open stream would hold the server for ever.
            () = cut_off => {}
        }
    }
}
