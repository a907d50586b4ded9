//! Response bodies with the deadline of their call. The call ends with its body.

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

use crate::trace::Call;

/// A response body that ends with an error when the deadline of its call passes, and with
/// `UNAVAILABLE` when the connection breaks.
struct Bounded {
    inner: Body,
    deadline: Option<Pin<Box<Sleep>>>,
    /// `None` when it has ended.
    call: Option<Call>,
}

/// Adds a deadline to a response body, and lets it end its call.
pub(crate) fn bounded(inner: Body, deadline: Option<Instant>, call: Option<Call>) -> Body {
    let deadline = deadline.map(|deadline| Box::pin(sleep_until(deadline)));
    Body::new(Bounded { inner, deadline, call })
}

impl Bounded {
    /// Ends the call with the last frame.
    fn note(&mut self, frame: Option<&Result<Frame<Bytes>, Status>>) {
        let is_last = frame.is_none_or(|frame| frame.as_ref().map_or(true, Frame::is_trailers));
        let Some(call) = self.call.take_if(|_| is_last) else { return };
        match frame {
            Some(Ok(frame)) => call.end(frame.trailers_ref().expect("only trailers are last")),
            Some(Err(status)) => call.end_with(status.clone()),
            None => call.end_with(Status::unknown("the response ended without a status")),
        }
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            let frame = frame.map(|frame| frame.map_err(connection_broke));
            self.note(frame.as_ref());
            return Poll::Ready(frame);
        }
        let deadline = self.deadline.as_mut();
        if deadline.is_some_and(|deadline| deadline.as_mut().poll(cx).is_ready()) {
            let frame = Err(Status::deadline_exceeded("the deadline passed"));
            self.note(Some(&frame));
            return Poll::Ready(Some(frame));
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
