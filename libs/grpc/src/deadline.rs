//! Deadlines: each call has one, and a call made on behalf of another has what is left of it.
//! They travel as `grpc-timeout`.

use std::time::Duration;

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

/// What a call has that nobody gave a deadline.
pub const DEFAULT: Duration = Duration::from_secs(10);

const HEADER: &str = "grpc-timeout";

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Put into a request's extensions: the call is a long one (an upload, a live stream) and has no
/// deadline of its own; whoever makes it watches it otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Unhurried;

/// When a call that begins now and waits `own` at most has to be done, the caller's own deadline
/// kept.
pub(crate) fn deadline(own: Duration) -> Instant {
    let own = Instant::now() + own;
    DEADLINE.try_with(|outer| own.min(*outer)).unwrap_or(own)
}

/// Writes what is left into the headers of a call.
pub(crate) fn write(headers: &mut HeaderMap, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now());
    // Eight digits at most; hours of milliseconds fit.
    let millis = left.as_millis().clamp(1, 99_999_999);
    let value = HeaderValue::from_str(&format!("{millis}m")).expect("digits and a letter");
    headers.insert(HEADER, value);
}

/// Server side: a call that came with a deadline is dropped when it passes, and the transaction
/// that it is in is rolled back.
pub(crate) async fn enforce(request: Request, next: Next) -> Response {
    let Some(left) = request.headers().get(HEADER).and_then(read) else {
        return next.run(request).await;
    };
    let deadline = Instant::now() + left;
    match timeout_at(deadline, DEADLINE.scope(deadline, next.run(request))).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded("the deadline passed").into_http(),
    }
}

fn read(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_inner_call_has_what_is_left_of_the_outer_one() {
        let outer = Instant::now() + Duration::from_millis(1500);
        let mut headers = HeaderMap::new();
        DEADLINE.scope(outer, async { write(&mut headers, deadline(DEFAULT)) }).await;
        assert_eq!(read(&headers[HEADER]), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn odd_timeouts_are_passed_over() {
        for odd in ["", "S", "12", "123456789S", "x1S", "5y"] {
            assert_eq!(read(&HeaderValue::from_static(odd)), None, "{odd}");
        }
    }
}
