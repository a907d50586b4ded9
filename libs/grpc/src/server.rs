//! gRPC servers.

use std::{io, time::Duration};

use axum::{
    extract::Request,
    middleware::{Next, from_fn},
    response::Response,
};
use futures::{Stream, future::BoxFuture};
use onethread_lifecycle::{Lifecycle, shielded};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::{
    service::Routes,
    transport::server::{Connected, TcpIncoming},
};
use tonic_health::{ServingStatus, server::health_reporter};
use tracing::error;

use crate::{Listener, Peer, deadline, incoming::Incoming, lazy::Lazy, trace};

/// Service name for readiness in the health service. The empty name means that the process lives.
pub(crate) const READINESS: &str = "readiness";

/// Services that reflection lists for every server.
const COMMON_SERVICES: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// How long new calls are accepted after the server has reported that it isn't ready. Clients
/// switch to other replicas in this time, so that no call fails in a restart.
const READINESS_DELAY: Duration = Duration::from_millis(200);

/// How long open calls may continue after the shutdown has started.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// Interval of pings on connections without traffic.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// How long a ping's response may take before the connection is closed.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Largest number of concurrent calls on one connection.
const MAX_CONCURRENT_CALLS: u32 = 1024;

/// A service with its layers, health and reflection. It can be served on a socket and called within
/// the process.
#[derive(Debug, Clone)]
pub struct Server {
    routes: Routes,
    health: tonic_health::server::HealthReporter,
}

async fn shield(request: Request, next: Next) -> Response {
    shielded(next.run(request)).await
}

impl Server {
    /// Wraps a service's routes. The layers, from the outermost:
    ///
    /// 1. the span, which contains everything else;
    /// 2. the shield, so that a handler finishes even if its caller has gone;
    /// 3. the deadline, which also limits shielded handlers.
    ///
    /// Reflection lists `services`, by their full names, in addition to health and itself.
    pub fn new(routes: Routes, services: &[&'static str]) -> Self {
        let (health, health_service) = health_reporter();
        let listed: Vec<&'static str> = services.iter().copied().chain(COMMON_SERVICES).collect();
        let reflection = move || {
            let builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(onethread_proto::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                // For tools that decode the details of errors.
                .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET);
            listed.iter().fold(builder, |builder, name| builder.with_service_name(*name))
        };
        let reflection_alpha = reflection.clone();
        // Reflection needs megabytes of memory for the descriptors, and is rarely used.
        let v1 = Lazy::new(move || reflection().build_v1().expect("our descriptors are valid"));
        let v1alpha = Lazy::new(move || {
            reflection_alpha().build_v1alpha().expect("our descriptors are valid")
        });
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

    /// Returns the service for clients in the same process.
    pub fn peer(&self) -> Peer {
        Peer::in_process(self.routes.clone())
    }

    /// Serves until the process stops, and then waits for open calls. The future is boxed so that
    /// the HTTP/2 server is compiled here, and not once more in every service and program.
    pub fn serve(self, listener: Listener, life: Lifecycle) -> BoxFuture<'static, ()> {
        Box::pin(self.serve_unboxed(listener, life))
    }

    async fn serve_unboxed(self, Listener { socket, certificates }: Listener, life: Lifecycle) {
        let Some(certificates) = certificates else {
            // Otherwise small responses are delayed by Nagle's algorithm.
            return self.run(TcpIncoming::from(socket).with_nodelay(Some(true)), life).await;
        };
        match Incoming::new(socket, certificates).await {
            Ok(incoming) => self.run(incoming, life).await,
            Err(error) => {
                error!(%error, "can't use the certificates");
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
        let shutdown = async move {
            stopping.await;
            health.set_service_status(READINESS, ServingStatus::NotServing).await;
            tokio::time::sleep(READINESS_DELAY).await;
        };
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .max_concurrent_streams(MAX_CONCURRENT_CALLS)
            .add_routes(self.routes)
            .serve_with_incoming_shutdown(incoming, shutdown);
        let stopping = life.stopping();
        let timeout = async move {
            stopping.await;
            tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
        };
        tokio::select! {
            result = server => if let Err(error) = result {
                error!(%error, "gRPC server failed");
                life.stop();
            },
            // The server would wait forever for an idle connection or an open stream.
            () = timeout => {}
        }
    }
}
