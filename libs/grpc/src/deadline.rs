//! Deadlines. Each call has one. A call that is made during another call must end before that
//! call's deadline. The remaining time is sent as `grpc-timeout`.

use std::time::Duration;

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

/// Timeout of calls that set none.
pub const DEFAULT: Duration = Duration::from_secs(10);

const TIMEOUT_HEADER: &str = "grpc-timeout";

tokio::task_local! {
    static DEADLINE: Instant;
}

/// Extension of a request without a deadline, such as an upload or a live stream. The caller has to
/// limit it by other means.
#[derive(Debug, Clone, Copy)]
pub struct NoDeadline;

/// Returns the deadline of a call that starts now: after `timeout`, or the deadline of the current
/// call if that is earlier.
pub(crate) fn deadline(timeout: Duration) -> Instant {
    let own = Instant::now() + timeout;
    DEADLINE.try_with(|outer| own.min(*outer)).unwrap_or(own)
}

/// Writes the remaining time into the headers of a call.
pub(crate) fn write(headers: &mut HeaderMap, deadline: Instant) {
    let remaining = deadline.saturating_duration_since(Instant::now());
    // gRPC allows eight digits, which is more than a day in milliseconds.
    let millis = remaining.as_millis().clamp(1, 99_999_999);
    let value = HeaderValue::from_str(&format!("{millis}m")).expect("digits and a letter");
    headers.insert(TIMEOUT_HEADER, value);
}

/// Layer of the server: drops the handler of a call when the call's deadline passes, which rolls
/// back its transaction.
pub(crate) async fn enforce(request: Request, next: Next) -> Response {
    let Some(timeout) = request.headers().get(TIMEOUT_HEADER).and_then(parse) else {
        return next.run(request).await;
    };
    let deadline = Instant::now() + timeout;
    match timeout_at(deadline, DEADLINE.scope(deadline, next.run(request))).await {
        Ok(response) => response,
        Err(_) => Status::deadline_exceeded("the deadline passed").into_http(),
    }
}

fn parse(value: &HeaderValue) -> Option<Duration> {
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
    async fn an_inner_call_has_the_remaining_time_of_the_outer_one() {
        let outer = Instant::now() + Duration::from_millis(1500);
        let mut headers = HeaderMap::new();
        DEADLINE.scope(outer, async { write(&mut headers, deadline(DEFAULT)) }).await;
        assert_eq!(parse(&headers[TIMEOUT_HEADER]), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn malformed_timeouts_are_ignored() {
        for text in ["", "S", "12", "123456789S", "x1S", "5y"] {
            assert_eq!(parse(&HeaderValue::from_static(text)), None, "{text}");
        }
    }
}
