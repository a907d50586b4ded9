//! Response bodies with the deadline of their call.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Status, body::Body};

/// A response body that ends with an error when the deadline of its call passes, and with
/// `UNAVAILABLE` when the connection breaks.
struct Bounded {
    inner: Body,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Adds a deadline to a response body.
pub(crate) fn bounded(inner: Body, deadline: Option<Instant>) -> Body {
    let deadline = deadline.map(|deadline| Box::pin(sleep_until(deadline)));
    Body::new(Bounded { inner, deadline })
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(connection_broke)));
        }
        let deadline = self.deadline.as_mut();
        if deadline.is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some(Err(Status::deadline_exceeded("the deadline passed"))));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}

/// Converts an error of the connection. Errors of the service are in trailers, not here.
fn connection_broke(error: Status) -> Status {
    let mut status = Status::unavailable("the connection broke");
    status.set_source(Arc::new(error));
    status
}
