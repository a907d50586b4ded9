//! The body of an answer, under the deadline of its call.

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

/// An answer that ends with an error when its call's deadline passes, and with `UNAVAILABLE` when
/// the connection breaks under it.
struct Bounded {
    inner: Body,
    due: Option<Pin<Box<Sleep>>>,
}

/// Puts an answer under a deadline; without one it may take as long as it likes.
pub(crate) fn bounded(inner: Body, due: Option<Instant>) -> Body {
    Body::new(Bounded { inner, due: due.map(|due| Box::pin(sleep_until(due))) })
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        let passed = self.due.as_mut().is_some_and(|due| due.as_mut().poll(cx).is_ready());
        if passed {
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

/// A service tells its failures in trailers; an error here is the connection's.
fn broken(error: Status) -> Status {
    let mut status = Status::unavailable("the connection broke");
    status.set_source(Arc::new(error));
    status
}
