//! Returns free memory to the system.

use std::{hint::black_box, time::Duration};

use tokio::time::sleep;

/// Interval at which free memory is returned.
const RETURN_INTERVAL: Duration = Duration::from_secs(2);

/// Large enough that the allocator uses a separate page.
const PAGE_BYTES: usize = 4 << 20;

/// Returns free memory until the runtime ends. The allocator (mimalloc) returns memory that has been
/// free for a second only when a whole page is freed, so an idle process would keep what its start or
/// its last login used. The page that is freed here is never written to, so it needs no memory.
pub(crate) async fn return_free_memory() {
    loop {
        sleep(RETURN_INTERVAL).await;
        drop(black_box(Vec::<u8>::with_capacity(PAGE_BYTES)));
    }
}
