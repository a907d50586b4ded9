//! A service that is created at its first call.

use std::{
    convert::Infallible,
    sync::{Arc, LazyLock},
    task::{Context, Poll},
};

use http::Request;
use tonic::{body::Body, server::NamedService};
use tower::Service;

type Create<S> = Box<dyn FnOnce() -> S + Send>;

/// A service that is created at its first call. `S` must always be ready, like generated services.
pub(crate) struct Lazy<S>(Arc<LazyLock<S, Create<S>>>);

impl<S> Lazy<S> {
    pub(crate) fn new(create: impl FnOnce() -> S + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(create))))
    }
}

impl<S> Clone for Lazy<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: NamedService> NamedService for Lazy<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Lazy<S>
where
    S: Service<Request<Body>, Error = Infallible> + Clone,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        S::clone(&self.0).call(request)
    }
}
