//! Waiting for a condition, always with a deadline.

use std::time::{Duration, Instant};

/// For operations that are fast unless something is broken.
pub const SHORT_TIMEOUT: Duration = Duration::from_secs(10);
/// For starts, imports and other work that takes long on a loaded machine.
pub const LONG_TIMEOUT: Duration = Duration::from_secs(120);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Repeats `check` until it returns a value. Panics with `what` at the deadline.
pub async fn wait_until<T>(
    what: &str,
    deadline: Duration,
    mut check: impl AsyncFnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
