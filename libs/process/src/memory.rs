//! Gives free memory back to the machine.

use std::{hint::black_box, time::Duration};

use tokio::time::sleep;

/// How often it is given back.
const EVERY: Duration = Duration::from_secs(2);

/// Large enough to be a page of the allocator's own.
const PAGE: usize = 4 << 20;

/// Lets go of what is free, for ever. The allocator (mimalloc) gives back what was free for a second
/// only when somebody frees a whole page; a quiet process would keep what its start or its last
/// login took. The page that is freed here is never written to, so it takes no memory.
pub(crate) async fn give_back() {
    loop {
        sleep(EVERY).await;
        drop(black_box(Vec::<u8>::with_capacity(PAGE)));
    }
}
