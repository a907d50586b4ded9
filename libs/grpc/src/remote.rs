//! A service in other processes: every replica that serves has one connection, and calls take
//! turns on them.
//!
//! A keeper holds each replica's connection and watches its `readiness` over it. Only while that
//! is told does the replica get calls: one that drains, hangs or is gone is out of the turn
//! within a moment, and when none is left a call fails at once instead of waiting in a queue.
//! (tonic's own balanced channel keeps a replica that refuses connections in its turn, and parks
//! calls behind one that doesn't answer.)

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

use crate::{Addresses, Certificates, keeper};

/// How long a call waits for a replica where none serves: one that restarts is back that soon.
const PATIENCE: Duration = Duration::from_millis(250);

/// The replicas that serve.
pub(crate) type Live = Vec<(SocketAddr, Channel)>;

/// A service in other processes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    live: watch::Receiver<Live>,
    turn: Arc<AtomicUsize>,
    /// They end with the last clone.
    _keepers: Arc<Vec<AbortOnDropHandle<()>>>,
}

impl Remote {
    /// Begins to look for the replicas; calls may be made at once.
    pub(crate) fn new(
        addresses: &Addresses,
        certificates: Option<&Certificates>,
        entropy: &Arc<dyn Entropy>,
    ) -> Self {
        let (sender, live) = watch::channel(Live::new());
        let sender = Arc::new(sender);
        let keepers = addresses.iter().map(|address| {
            let keeper = keeper::follow(
                address.clone(),
                certificates.cloned(),
                sender.clone(),
                entropy.clone(),
            );
            AbortOnDropHandle::new(tokio::spawn(keeper))
        });
        let keepers = Arc::new(keepers.collect());
        Self { live, turn: Arc::default(), _keepers: keepers }
    }

    /// Whose turn it is.
    async fn pick(&mut self) -> Result<Channel, Status> {
        if let Some(channel) = self.next() {
            return Ok(channel);
        }
        // An error says that every keeper is gone, and then nobody will come.
        let _ = timeout(PATIENCE, self.live.wait_for(|live| !live.is_empty())).await;
        self.next().ok_or_else(|| Status::unavailable("no replica of the service serves"))
    }

    fn next(&self) -> Option<Channel> {
        let live = self.live.borrow();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (_, channel) = live.get(turn.checked_rem(live.len())?)?;
        Some(channel.clone())
    }
}

impl Service<Request<Body>> for Remote {
    type Response = Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // Whether somebody is there is looked at for each call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut remote = self.clone();
        Box::pin(async move {
            let channel = match remote.pick().await {
                Ok(channel) => channel,
                Err(nobody) => return Ok(nobody.into_http()),
            };
            let answer = channel.oneshot(request).await;
            Ok(answer.unwrap_or_else(|error| broken(&error).into_http()))
        })
    }
}

/// What the service itself says comes as an answer: this is the connection's word. It may have
/// broken with the call half-way, so the caller may not take it as undone.
fn broken(error: &(dyn Error + 'static)) -> Status {
    // The channel reads `grpc-timeout` as well, and may be the first to notice.
    let mut cause = Some(error);
    while let Some(one) = cause {
        if one.is::<TimeoutExpired>() {
            return Status::deadline_exceeded("the deadline passed");
        }
        cause = one.source();
    }
    debug!(error, "the connection broke");
    Status::unavailable("the connection broke")
}
