//! The other end of a generated client.

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

/// A service that a generated client calls: in this process or in others, through the same layers.
/// Each call gets a span, the trace context in its metadata, and a deadline. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Peer(BoxCloneSyncService<Request<Body>, Response<Body>, StdError>);

impl Peer {
    /// A service in this process, without a socket.
    pub(crate) fn in_process(routes: Routes) -> Self {
        let routes = ServiceExt::<Request<Body>>::map_err(routes, StdError::from);
        Self(BoxCloneSyncService::new(routes))
    }

    /// A service in other processes: every replica behind the addresses that serves gets its turn.
    /// Returns at once, from within a runtime; connections are made and made again behind it, and
    /// while none stands calls fail with `UNAVAILABLE`. Chance spreads the attempts to connect.
    ///
    /// With certificates every connection has one on either side, and the other end's is for the
    /// host that the addresses name; without them every connection is plain.
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
        let begun = Instant::now();
        let path = request.uri().path().to_owned();
        let span = trace::call(&path);
        onethread_telemetry::inject(&span, request.headers_mut());
        let unhurried = request.extensions().get::<deadline::Unhurried>().is_some();
        let due = deadline::deadline(deadline::DEFAULT);
        if !unhurried {
            deadline::write(request.headers_mut(), due);
        }
        let call = self.0.call(request);
        let noted = span.clone();
        let called = async move {
            let response = if unhurried {
                call.await?
            } else {
                let late = || Status::deadline_exceeded("the deadline passed").into_http();
                timeout_at(due, call).await.unwrap_or_else(|_| Ok(late()))?
            };
            trace::record(&noted, response.headers(), Side::Client, &path, begun);
            Ok(response.map(|body| bounded(body, (!unhurried).then_some(due))))
        };
        Box::pin(called.instrument(span))
    }
}
