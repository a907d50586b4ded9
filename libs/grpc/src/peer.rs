//! The transport of generated clients.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use onethread_core::Entropy;
use onethread_telemetry::metrics::Side;
use tokio::time::{Instant, timeout_at};
use tonic::{Status, body::Body, codegen::StdError, service::Routes};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument;

use crate::{Addresses, Certificates, body::bounded, deadline, remote::Remote, trace};

/// A service that a generated client calls, in this process or in others. Each call has a span, the
/// trace context in its metadata, and a deadline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Peer(BoxCloneSyncService<Request<Body>, Response<Body>, StdError>);

impl Peer {
    /// Creates a peer for a service in this process, without a socket.
    pub(crate) fn in_process(routes: Routes) -> Self {
        let routes = ServiceExt::<Request<Body>>::map_err(routes, StdError::from);
        Self(BoxCloneSyncService::new(routes))
    }

    /// Creates a peer for a service in other processes. Calls are distributed round-robin over all
    /// ready replicas. Returns immediately, and must be called within a runtime: connections are
    /// opened and reopened in the background, with jitter from `entropy`. Without a ready replica
    /// calls fail with `UNAVAILABLE`.
    ///
    /// With certificates every connection uses mutual TLS, and the server's certificate must be for
    /// the host in the address. Without them connections are plain.
    pub fn connect(
        addresses: &Addresses,
        certificates: Option<&Certificates>,
        entropy: &Arc<dyn Entropy>,
    ) -> Self {
        Self(BoxCloneSyncService::new(Remote::new(addresses, certificates, entropy)))
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let started = Instant::now();
        let path = request.uri().path().to_owned();
        let span = trace::call(&path);
        onethread_telemetry::inject(&span, request.headers_mut());
        let has_deadline = request.extensions().get::<deadline::NoDeadline>().is_none();
        let deadline = deadline::deadline(deadline::DEFAULT);
        if has_deadline {
            deadline::write(request.headers_mut(), deadline);
        }
        let call = self.0.call(request);
        let call_span = span.clone();
        let response = async move {
            let response = if has_deadline {
                let timed_out = || Status::deadline_exceeded("the deadline passed").into_http();
                timeout_at(deadline, call).await.unwrap_or_else(|_| Ok(timed_out()))?
            } else {
                call.await?
            };
            trace::record(&call_span, response.headers(), Side::Client, &path, started);
            Ok(response.map(|body| bounded(body, has_deadline.then_some(deadline))))
        };
        Box::pin(response.instrument(span))
    }
}
