//! The transport of generated clients.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use onethread_core::Entropy;
use tokio::time::timeout_at;
use tonic::{Status, body::Body, codegen::StdError, service::Routes};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument;

use crate::{
    Addresses, Certificates, addresses::Address, body::bounded, deadline, remote::Remote,
    trace::Call,
};

/// A service that a generated client calls, in this process or in others. Each call has a span, the
/// trace context in its metadata, and a deadline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Peer {
    transport: BoxCloneSyncService<Request<Body>, Response<Body>, StdError>,
    /// The first of its addresses, for spans and metrics.
    address: Option<Arc<Address>>,
}

impl Peer {
    /// Creates a peer for a service in this process, without a socket.
    pub(crate) fn in_process(routes: Routes) -> Self {
        let routes = ServiceExt::<Request<Body>>::map_err(routes, StdError::from);
        Self { transport: BoxCloneSyncService::new(routes), address: None }
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
        let transport = BoxCloneSyncService::new(Remote::new(addresses, certificates, entropy));
        Self { transport, address: addresses.iter().next().cloned().map(Arc::new) }
    }
}

impl Service<Request<Body>> for Peer {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.transport.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let call = Call::begin(request.uri().path(), self.address.clone());
        let span = call.span.clone();
        onethread_telemetry::inject(&span, request.headers_mut());
        let has_deadline = request.extensions().get::<deadline::NoDeadline>().is_none();
        let deadline = deadline::deadline(deadline::DEFAULT);
        if has_deadline {
            deadline::write(request.headers_mut(), deadline);
        }
        let answer = self.transport.call(request);
        let response = async move {
            let response = if has_deadline {
                let timed_out = || Status::deadline_exceeded("the deadline passed").into_http();
                timeout_at(deadline, answer).await.unwrap_or_else(|_| Ok(timed_out()))?
            } else {
                answer.await?
            };
            let call = call.answered(response.headers());
            Ok(response.map(|body| bounded(body, has_deadline.then_some(deadline), call)))
        };
        Box::pin(response.instrument(span))
    }
}
