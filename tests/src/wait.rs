//! Waiting for something to become true, always against a deadline.

use std::time::{Duration, Instant};

/// For what is there at once unless something is broken.
pub const SHORT: Duration = Duration::from_secs(10);
/// For starts, imports and other work that a loaded machine may take its time over.
pub const LONG: Duration = Duration::from_secs(120);

const STEP: Duration = Duration::from_millis(20);

/// Asks again and again until there is an answer, and panics with `what` at the deadline.
pub async fn until<T>(
    what: &str,
    deadline: Duration,
    mut ask: impl AsyncFnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        tokio::time::sleep(STEP).await;
    }
}
