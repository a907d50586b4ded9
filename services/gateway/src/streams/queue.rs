//! What waits for one reader: bounded in count and bytes, and of no size while nothing waits.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::Notify;

/// Events that wait for one reader before it is cut off.
pub(super) const EVENTS: usize = 256;

/// Bytes of them, near enough, beyond which no other is taken.
pub(super) const BYTES: usize = 4 << 20;

/// Room that an empty queue may keep.
const SPARE: usize = 4;

/// What has a weight in bytes, near enough.
pub(super) trait Weigh {
    fn weight(&self) -> usize;
}

/// A queue's two ends.
pub(super) fn queue<T: Weigh>() -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Queue { waiting: Mutex::default(), news: Notify::new() });
    (Sender(queue.clone()), Receiver(queue))
}

/// Dropping it ends the queue: what waits is still received.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Queue<T>>);

#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Queue<T>>);

#[derive(Debug)]
struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    news: Notify,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<T>,
    bytes: usize,
    over: bool,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { items: VecDeque::new(), bytes: 0, over: false }
    }
}

impl<T> Queue<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().expect("no holder panics")
    }
}

impl<T: Weigh> Sender<T> {
    /// False: there is no room for it.
    pub(super) fn send(&self, item: T) -> bool {
        let mut waiting = self.0.waiting();
        if waiting.items.len() >= EVENTS || waiting.bytes >= BYTES {
            return false;
        }
        waiting.bytes += item.weight();
        waiting.items.push_back(item);
        drop(waiting);
        self.0.news.notify_one();
        true
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.waiting().over = true;
        self.0.news.notify_one();
    }
}

impl<T: Weigh> Receiver<T> {
    /// The next one. `None` when there will be no more.
    pub(super) async fn next(&mut self) -> Option<T> {
        loop {
            let waiting = self.0.waiting().take();
            match waiting {
                Ok(item) => return Some(item),
                Err(Empty { over: true }) => return None,
                Err(Empty { over: false }) => self.0.news.notified().await,
            }
        }
    }

    /// Those that wait, at least one, at most so many. None when there will be no more.
    pub(super) async fn next_many(&mut self, most: usize) -> Vec<T> {
        let mut batch: Vec<T> = self.next().await.into_iter().collect();
        let mut waiting = self.0.waiting();
        while batch.len() < most
            && let Ok(item) = waiting.take()
        {
            batch.push(item);
        }
        batch
    }

    /// One that waits already.
    #[cfg(test)]
    pub(super) fn try_next(&mut self) -> Option<T> {
        self.0.waiting().take().ok()
    }
}

impl<T: Weigh> Waiting<T> {
    fn take(&mut self) -> Result<T, Empty> {
        let item = self.items.pop_front().ok_or(Empty { over: self.over })?;
        self.bytes -= item.weight();
        if self.items.is_empty() {
            self.items.shrink_to(SPARE);
        }
        Ok(item)
    }
}

/// Nothing waits, and perhaps nothing comes any more.
struct Empty {
    over: bool,
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    impl Weigh for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    #[tokio::test]
    async fn what_waits_is_bounded_in_count_and_in_bytes() {
        let (sender, mut receiver) = queue();
        assert_eq!((0..1000).take_while(|_| sender.send(1)).count(), EVENTS);
        assert_eq!(receiver.next_many(10_000).await.len(), EVENTS);
        assert!(sender.send(BYTES) && !sender.send(1));
        assert_eq!(receiver.next().await, Some(BYTES));
        assert!(sender.send(1));
        assert!(receiver.0.waiting().items.capacity() <= EVENTS);
    }

    #[tokio::test]
    async fn it_ends_once_all_is_received() {
        let (sender, mut receiver) = queue();
        for n in 1..=5 {
            sender.send(n);
        }
        drop(sender);
        assert_eq!(receiver.next_many(2).await, [1, 2]);
        assert_eq!(receiver.next().await, Some(3));
        assert_eq!(receiver.next_many(9).await, [4, 5]);
        assert_eq!(receiver.next().await, None);
        assert!(receiver.next_many(9).await.is_empty());
    }

    #[tokio::test]
    async fn who_waits_is_woken_and_nothing_is_missed() {
        let (sender, mut receiver) = queue();
        assert!(receiver.next().now_or_never().is_none());
        let waiting = tokio::spawn(async move {
            let mut sum = 0;
            while let Some(n) = receiver.next().await {
                sum += n;
            }
            sum
        });
        for _ in 0..100 {
            sender.send(1);
            tokio::task::yield_now().await;
        }
        drop(sender);
        assert_eq!(waiting.await.unwrap(), 100);
    }
}
