//! The queue of one subscriber: bounded in count and bytes, and without memory while it is empty.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::Notify;

/// Events that may be queued for one subscriber before it is cut off.
pub(super) const QUEUE_CAPACITY: usize = 256;

/// Bytes of queued events, roughly, beyond which no other is queued.
pub(super) const QUEUE_MAX_BYTES: usize = 4 << 20;

/// Items for which an empty queue keeps memory.
const EMPTY_CAPACITY: usize = 4;

/// An item whose size in bytes is roughly known.
pub(super) trait Weigh {
    fn weight(&self) -> usize;
}

/// A queue's two ends.
pub(super) fn queue<T: Weigh>() -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Queue { items: Mutex::default(), changed: Notify::new() });
    (Sender(queue.clone()), Receiver(queue))
}

/// Dropping it ends the queue: queued items are still received.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Queue<T>>);

#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Queue<T>>);

#[derive(Debug)]
struct Queue<T> {
    items: Mutex<Items<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct Items<T> {
    queued: VecDeque<T>,
    bytes: usize,
    has_ended: bool,
}

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self { queued: VecDeque::new(), bytes: 0, has_ended: false }
    }
}

impl<T> Queue<T> {
    fn items(&self) -> MutexGuard<'_, Items<T>> {
        self.items.lock().expect("no holder panics")
    }
}

impl<T: Weigh> Sender<T> {
    /// Queues an item. False if the queue is full.
    pub(super) fn send(&self, item: T) -> bool {
        let mut items = self.0.items();
        if items.queued.len() >= QUEUE_CAPACITY || items.bytes >= QUEUE_MAX_BYTES {
            return false;
        }
        items.bytes += item.weight();
        items.queued.push_back(item);
        drop(items);
        self.0.changed.notify_one();
        true
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.items().has_ended = true;
        self.0.changed.notify_one();
    }
}

impl<T: Weigh> Receiver<T> {
    /// The next item. `None` when there will be no more.
    pub(super) async fn next(&mut self) -> Option<T> {
        loop {
            let next = self.0.items().take();
            match next {
                Ok(item) => return Some(item),
                Err(Empty { has_ended: true }) => return None,
                Err(Empty { has_ended: false }) => self.0.changed.notified().await,
            }
        }
    }

    /// The queued items, at least one and at most `max`. None when there will be no more.
    pub(super) async fn next_many(&mut self, max: usize) -> Vec<T> {
        let mut batch: Vec<T> = self.next().await.into_iter().collect();
        let mut items = self.0.items();
        while batch.len() < max
            && let Ok(item) = items.take()
        {
            batch.push(item);
        }
        batch
    }

    /// An item that is queued already.
    #[cfg(test)]
    pub(super) fn try_next(&mut self) -> Option<T> {
        self.0.items().take().ok()
    }
}

impl<T: Weigh> Items<T> {
    fn take(&mut self) -> Result<T, Empty> {
        let item = self.queued.pop_front().ok_or(Empty { has_ended: self.has_ended })?;
        self.bytes -= item.weight();
        if self.queued.is_empty() {
            self.queued.shrink_to(EMPTY_CAPACITY);
        }
        Ok(item)
    }
}

/// Nothing is queued.
struct Empty {
    has_ended: bool,
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
    async fn a_queue_is_bounded_in_count_and_in_bytes() {
        let (sender, mut receiver) = queue();
        assert_eq!((0..1000).take_while(|_| sender.send(1)).count(), QUEUE_CAPACITY);
        assert_eq!(receiver.next_many(10_000).await.len(), QUEUE_CAPACITY);
        assert!(sender.send(QUEUE_MAX_BYTES) && !sender.send(1));
        assert_eq!(receiver.next().await, Some(QUEUE_MAX_BYTES));
        assert!(sender.send(1));
        assert!(receiver.0.items().queued.capacity() <= QUEUE_CAPACITY);
    }

    #[tokio::test]
    async fn it_ends_once_everything_is_received() {
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
    async fn a_waiting_receiver_is_woken_and_misses_nothing() {
        let (sender, mut receiver) = queue();
        assert!(receiver.next().now_or_never().is_none());
        let receiving = tokio::spawn(async move {
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
        assert_eq!(receiving.await.unwrap(), 100);
    }
}
