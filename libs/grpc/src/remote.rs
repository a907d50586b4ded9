//! A service in other processes. There is one connection to every ready replica, and calls are
//! distributed over them round-robin.
//!
//! A task for each replica keeps the connection and watches the health service `readiness` on it.
//! Only ready replicas get calls: one that shuts down, hangs or has ended gets none within moments,
//! and without a ready replica a call fails quickly instead of waiting in a queue. (tonic's own
//! balanced channel keeps sending calls to a replica that refuses connections, and queues calls
//! behind one that doesn't respond.)

use std::{
    error::Error,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use onethread_core::Entropy;
use tokio::{sync::watch, time::timeout};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, TimeoutExpired, body::Body, codegen::StdError, transport::Channel};
use tower::{Service, ServiceExt};
use tracing::debug;

use crate::{Addresses, Certificates, replicas, trace};

/// How long a call waits for a ready replica if there is none. A replica restarts in this time.
const READY_TIMEOUT: Duration = Duration::from_millis(250);

/// The replicas that are ready.
pub(crate) type ReadyReplicas = Vec<(SocketAddr, Channel)>;

/// A service in other processes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    ready: watch::Receiver<ReadyReplicas>,
    /// Counter of the round-robin.
    next: Arc<AtomicUsize>,
    /// They are aborted with the last clone.
    _tasks: Arc<Vec<AbortOnDropHandle<()>>>,
}

impl Remote {
    /// Starts to connect to the replicas. Calls are possible immediately.
    pub(crate) fn new(
        addresses: &Addresses,
        certificates: Option<&Certificates>,
        entropy: &Arc<dyn Entropy>,
    ) -> Self {
        let (sender, ready) = watch::channel(ReadyReplicas::new());
        let sender = Arc::new(sender);
        let tasks = addresses.iter().map(|address| {
            let task = replicas::maintain_address(
                address.clone(),
                certificates.cloned(),
                sender.clone(),
                entropy.clone(),
            );
            AbortOnDropHandle::new(tokio::spawn(task))
        });
        let tasks = Arc::new(tasks.collect());
        Self { ready, next: Arc::default(), _tasks: tasks }
    }

    /// Returns the next ready replica. Waits a little if there is none.
    async fn pick(&mut self) -> Result<(SocketAddr, Channel), Status> {
        if let Some(replica) = self.next() {
            return Ok(replica);
        }
        // It fails when all tasks have ended, so that no replica will become ready.
        let _ = timeout(READY_TIMEOUT, self.ready.wait_for(|ready| !ready.is_empty())).await;
        self.next().ok_or_else(|| Status::unavailable("no replica of the service is ready"))
    }

    fn next(&self) -> Option<(SocketAddr, Channel)> {
        let ready = self.ready.borrow();
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        ready.get(next.checked_rem(ready.len())?).cloned()
    }
}

impl Service<Request<Body>> for Remote {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // `call` looks for a ready replica.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut remote = self.clone();
        Box::pin(async move {
            let (address, channel) = match remote.pick().await {
                Ok(replica) => replica,
                Err(status) => return Ok(status.into_http()),
            };
            trace::set_replica(address);
            let response = channel.oneshot(request).await;
            Ok(response.unwrap_or_else(|error| connection_status(&error).into_http()))
        })
    }
}

/// Converts an error of the connection to a status. (Errors of the service come as responses.) The
/// replica may have executed the call, so the caller must not assume that it had no effect.
fn connection_status(error: &(dyn Error + 'static)) -> Status {
    // The channel applies `grpc-timeout` too, and its timer may expire first.
    let mut source = Some(error);
    while let Some(error) = source {
        if error.is::<TimeoutExpired>() {
            return Status::deadline_exceeded("the deadline passed");
        }
        source = error.source();
    }
    debug!(error, "the connection broke");
    Status::unavailable("the connection broke")
}
