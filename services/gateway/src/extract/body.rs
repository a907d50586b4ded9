//! JSON bodies, read into the type that describes them in the document.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRequest, MatchedPath, Request},
    http::{HeaderMap, header},
};
use deserr::Deserr;
use http_body::Body as _;
use http_body_util::BodyExt;
use onethread_errors::{Error, Reason, Result};
use serde_json::{Map, Value};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{Faults, large_numbers};
use crate::{app::App, openapi::Rejects, problem::ApiError};

/// Bytes of a JSON body on routes that don't need more.
const MAX_SMALL_BODY_BYTES: usize = 16 * 1024;

/// Bytes of a body with a long text or token, many attributes or many columns.
const MAX_LARGE_BODY_BYTES: usize = 256 * 1024;

/// Time that a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of all bodies that are being read, beyond the size of a small one each. So slow senders of
/// large bodies use no more memory than this, and don't delay calls with small bodies.
const MAX_BYTES_IN_TRANSIT: usize = 64 * 1024 * 1024;

/// The memory that the large bodies of all calls share while they arrive.
#[derive(Debug)]
pub(crate) struct BodyMemory(Semaphore);

impl Default for BodyMemory {
    fn default() -> Self {
        Self(Semaphore::new(MAX_BYTES_IN_TRANSIT))
    }
}

/// Bytes that the body of a call may have.
fn max_bytes(route: &str) -> usize {
    match route {
        "/widget/v1/init"
        | "/widget/v1/messages"
        | "/widget/v1/pre-chat"
        | "/widget/v1/contact"
        | "/widget/v1/track"
        | "/v1/conversations/{id}/messages"
        | "/v1/contacts"
        | "/v1/contacts/search"
        | "/v1/contacts/export.csv"
        | "/v1/contacts/{id}"
        | "/v1/contacts/{id}/messages"
        | "/v1/imports/{id}/apply"
        | "/v1/applications"
        | "/v1/applications/{id}" => MAX_LARGE_BODY_BYTES,
        _ => MAX_SMALL_BODY_BYTES,
    }
}

/// A JSON object read into a type. A call without a body, or with null, has an empty object.
///
/// Faults are reported when the handler reads the content, and not before: a handler first answers
/// whether the caller may call at all.
#[derive(Debug)]
pub(crate) struct Body<T>(Result<T>);

impl<T> Body<T> {
    /// The content.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` that names every field at fault.
    pub(crate) fn content(self) -> Result<T> {
        self.0
    }
}

impl<T: Deserr<Faults>> FromRequest<Arc<App>> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let members = Value::Object(object(request, &app.body_memory).await?);
        Ok(Self(deserr::deserialize(members).map_err(|faults: Faults| faults.into())))
    }
}

async fn object(request: Request, memory: &BodyMemory) -> Result<Map<String, Value>> {
    let (parts, body) = request.into_parts();
    let media_type = media_type(&parts.headers);
    if !media_type.is_empty() && media_type != "application/json" {
        return Err(Error::new(Reason::UnsupportedMediaType));
    }
    let max_bytes =
        max_bytes(parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str));
    let read = timeout(BODY_TIMEOUT, read(body, max_bytes, memory)).await;
    let (bytes, _permit) = read.map_err(|_| Error::new(Reason::DeadlineExceeded))??;
    if media_type.is_empty() {
        let rejected = || Error::new(Reason::UnsupportedMediaType);
        return bytes.is_empty().then(Map::new).ok_or_else(rejected);
    }
    match serde_json::from_slice(&large_numbers::quote(&bytes)) {
        Ok(Value::Object(mut members)) => {
            large_numbers::restore(&mut members);
            Ok(members)
        }
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(Error::invalid("", "is not an object")),
        Err(_) => Err(Error::new(Reason::MalformedJson)),
    }
}

/// Reads a body with its share of the memory, to be held as long as the bytes are.
async fn read<'a>(
    mut body: axum::body::Body,
    max_bytes: usize,
    memory: &'a BodyMemory,
) -> Result<(Vec<u8>, Option<SemaphorePermit<'a>>)> {
    let too_large = || Error::new(Reason::TooLarge);
    // A length that is announced is refused before anything is read.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(too_large());
    }
    let (mut bytes, mut permit): (Vec<u8>, Option<SemaphorePermit<'a>>) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::new(Reason::MalformedJson))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > max_bytes {
            return Err(too_large());
        }
        let shared = |length: usize| length.saturating_sub(MAX_SMALL_BODY_BYTES);
        let more = shared(bytes.len() + data.len()) - shared(bytes.len());
        let more = u32::try_from(more).map_err(|_| too_large())?;
        let more = memory.0.try_acquire_many(more);
        let more =
            more.map_err(|_| Error::new(Reason::Unavailable).retry_after(Duration::from_secs(1)))?;
        match &mut permit {
            Some(permit) => permit.merge(more),
            None => permit = Some(more),
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, permit))
}

/// The content type without its parameters, in lower case; empty if there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let essence = value.unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

impl<T> Rejects for Body<T> {
    fn reasons() -> Vec<Reason> {
        vec![
            Reason::InvalidArgument,
            Reason::MalformedJson,
            Reason::TooLarge,
            Reason::UnsupportedMediaType,
            Reason::Unavailable,
            Reason::DeadlineExceeded,
        ]
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use bytes::Bytes;
    use futures::{StreamExt, future, stream};

    use super::*;

    /// A body of this length without `Content-Length`, which then goes on for ever if `stalls`.
    fn body(length: usize, stalls: bool) -> Body {
        let part = || Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 8 * 1024]));
        let parts = stream::repeat_with(part).take(length / (8 * 1024));
        let end = stream::once(async move {
            if stalls {
                future::pending::<()>().await;
            }
            Ok(Bytes::new())
        });
        Body::from_stream(parts.chain(end))
    }

    fn reason<T>(read: Result<T>) -> Reason {
        read.err().map(|error| error.reason).expect("an error")
    }

    #[tokio::test]
    async fn an_announced_length_is_refused_before_anything_is_read() {
        let memory = BodyMemory::default();
        let announced = Body::from(vec![b' '; MAX_SMALL_BODY_BYTES + 1]);
        let refused = read(announced, MAX_SMALL_BODY_BYTES, &memory).await;
        assert_eq!(reason(refused), Reason::TooLarge);
        let sent = body(MAX_SMALL_BODY_BYTES + 8 * 1024, true);
        assert_eq!(reason(read(sent, MAX_SMALL_BODY_BYTES, &memory).await), Reason::TooLarge);
        let (bytes, permit) = read(body(16 * 1024, false), 16 * 1024, &memory).await.unwrap();
        assert_eq!((bytes.len(), permit.unwrap().num_permits()), (16 * 1024, 0));
    }

    #[tokio::test]
    async fn slow_large_bodies_share_a_bounded_memory_and_small_ones_need_none_of_it() {
        let memory = BodyMemory::default();
        let large = || read(body(MAX_LARGE_BODY_BYTES, true), MAX_LARGE_BODY_BYTES, &memory);
        let mut slow: Vec<_> = (0..500).map(|_| Box::pin(large())).collect();
        let mut refused = 0;
        for one in &mut slow {
            if let std::task::Poll::Ready(answer) = futures::poll!(one) {
                assert_eq!(reason(answer), Reason::Unavailable);
                refused += 1;
            }
        }
        let held = (500 - refused) * (MAX_LARGE_BODY_BYTES - MAX_SMALL_BODY_BYTES);
        assert!(refused > 0 && held <= MAX_BYTES_IN_TRANSIT, "{refused} were refused");
        let small = read(body(MAX_SMALL_BODY_BYTES, false), MAX_SMALL_BODY_BYTES, &memory).await;
        assert_eq!(small.unwrap().0.len(), MAX_SMALL_BODY_BYTES);
        drop(slow);
        assert_eq!(memory.0.available_permits(), MAX_BYTES_IN_TRANSIT);
    }

    #[test]
    fn routes_without_long_content_have_a_small_bound() {
        for route in ["/v1/login", "/v1/agents/accept", "/widget/v1/typing", "/widget/v1/read", ""]
        {
            assert_eq!(max_bytes(route), MAX_SMALL_BODY_BYTES, "{route}");
        }
        assert_eq!(max_bytes("/widget/v1/init"), MAX_LARGE_BODY_BYTES);
    }
}
