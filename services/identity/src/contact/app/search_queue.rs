//! A queue in front of searches, which read many rows. Few run at once, and organizations take turns,
//! so that one that searches a lot delays neither the others nor anyone's widgets.

use std::{
    collections::{HashMap, VecDeque},
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
    time::Duration,
};

use onethread_core::OrganizationId;
use onethread_db::MAX_SEARCHERS;
use onethread_errors::{Error, Reason, Result};
use tokio::{sync::oneshot, time::timeout};

/// Searches of one organization that wait, at most.
pub(crate) const MAX_WAITING_PER_ORGANIZATION: usize = 16;
/// Searches that wait, at most.
const MAX_WAITING: usize = 256;
/// Longest time that a search waits.
pub(crate) const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// When a caller that was rejected should try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The queue. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SearchQueue(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// How many more searches may run. More than zero only when none waits.
    free: usize,
    /// Organizations of which a search waits, in the order of their turns.
    turns: VecDeque<OrganizationId>,
    waiting: HashMap<OrganizationId, VecDeque<oneshot::Sender<SearchPermit>>>,
}

/// The permission to run a search, until it is dropped.
#[derive(Debug)]
pub(crate) struct SearchPermit(Option<SearchQueue>);

impl Drop for SearchPermit {
    fn drop(&mut self) {
        if let Some(queue) = self.0.take() {
            queue.pass_on();
        }
    }
}

impl Default for SearchQueue {
    /// Searches of half of the processors at once, so that the others serve everyone else.
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self::new((processors / 2).clamp(1, MAX_SEARCHERS))
    }
}

impl SearchQueue {
    /// A queue before `slots` searches at once.
    pub(crate) fn new(slots: usize) -> Self {
        let state = State { free: slots, turns: VecDeque::new(), waiting: HashMap::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for the organization's turn.
    ///
    /// # Errors
    ///
    /// `RateLimited` when too many searches of the organization wait already, and `Unavailable` when
    /// too many of all organizations do, or the turn doesn't come in time.
    pub(crate) async fn enter(&self, organization: OrganizationId) -> Result<SearchPermit> {
        let Some(turn) = self.queue_up(organization)? else {
            return Ok(SearchPermit(Some(self.clone())));
        };
        match timeout(QUEUE_TIMEOUT, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Error::new(Reason::Unavailable)
                .with_detail("Too many searches are running. Try again.")
                .retry_after(RETRY_AFTER)),
        }
    }

    /// `None` when the search may run at once.
    fn queue_up(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<oneshot::Receiver<SearchPermit>>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.free > 0 {
            state.free -= 1;
            return Ok(None);
        }
        state.forget_left();
        if state.waiting.values().map(VecDeque::len).sum::<usize>() >= MAX_WAITING {
            return Err(Error::new(Reason::Unavailable).retry_after(RETRY_AFTER));
        }
        let (sender, turn) = oneshot::channel();
        match state.waiting.get_mut(&organization) {
            Some(waiting) if waiting.len() >= MAX_WAITING_PER_ORGANIZATION => {
                return Err(Error::new(Reason::RateLimited)
                    .with_detail("Too many searches of the organization are running. Try again.")
                    .retry_after(RETRY_AFTER));
            }
            Some(waiting) => waiting.push_back(sender),
            None => {
                state.waiting.insert(organization, VecDeque::from([sender]));
                state.turns.push_back(organization);
            }
        }
        Ok(Some(turn))
    }

    /// Gives the place of a search that has ended to the next one.
    fn pass_on(&self) {
        loop {
            let next = {
                let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let next = state.next();
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(SearchPermit(Some(self.clone()))) {
                Ok(()) => return,
                // It has left the queue. Its permit must not be passed on a second time.
                Err(mut permit) => drop(permit.0.take()),
            }
        }
    }
}

impl State {
    /// The search whose turn it is. Its organization's next turn comes after those of the others.
    fn next(&mut self) -> Option<oneshot::Sender<SearchPermit>> {
        let organization = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&organization)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&organization);
        } else {
            self.turns.push_back(organization);
        }
        next
    }

    /// Removes searches whose callers no longer wait.
    fn forget_left(&mut self) {
        self.waiting.retain(|_, waiting| {
            waiting.retain(|sender| !sender.is_closed());
            !waiting.is_empty()
        });
        let Self { turns, waiting, .. } = self;
        turns.retain(|organization| waiting.contains_key(organization));
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use uuid::Uuid;

    use super::*;

    const ONE: OrganizationId = OrganizationId(Uuid::from_u128(1));
    const OTHER: OrganizationId = OrganizationId(Uuid::from_u128(2));

    #[tokio::test]
    async fn organizations_take_turns() {
        let queue = SearchQueue::new(1);
        let running = queue.enter(ONE).await.unwrap();
        let mut of_one = [(); 3].map(|()| Box::pin(queue.enter(ONE)));
        for search in &mut of_one {
            assert!(poll!(search).is_pending());
        }
        let mut of_other = pin!(queue.enter(OTHER));
        assert!(poll!(&mut of_other).is_pending());
        drop(running);
        let first = of_one[0].as_mut().await.unwrap();
        drop(first);
        // The other organization came last, and waits for one search only.
        assert!(poll!(&mut of_one[1]).is_pending());
        let second = of_other.await.unwrap();
        drop(second);
        drop(of_one[1].as_mut().await.unwrap());
        drop(of_one[2].as_mut().await.unwrap());
        drop(queue.enter(OTHER).await.unwrap());
    }

    #[tokio::test]
    async fn a_search_that_is_no_longer_wanted_leaves_its_place() {
        let queue = SearchQueue::new(1);
        let running = queue.enter(ONE).await.unwrap();
        let mut left = Box::pin(queue.enter(ONE));
        let mut granted = Box::pin(queue.enter(ONE));
        let mut last = pin!(queue.enter(OTHER));
        for search in [&mut left, &mut granted] {
            assert!(poll!(search).is_pending());
        }
        assert!(poll!(&mut last).is_pending());
        drop(left);
        drop(running);
        // Its turn came, and it left before it knew.
        drop(granted);
        drop(last.await.unwrap());
        let state = queue.0.lock().unwrap();
        assert_eq!((state.free, state.turns.len(), state.waiting.len()), (1, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_has_a_bound_and_a_deadline() {
        let queue = SearchQueue::new(1);
        let running = queue.enter(ONE).await.unwrap();
        let enter = |organization| {
            let queue = queue.clone();
            tokio::spawn(async move { queue.enter(organization).await.map(drop) })
        };
        let waiting: Vec<_> = (0..MAX_WAITING_PER_ORGANIZATION).map(|_| enter(ONE)).collect();
        tokio::task::yield_now().await;
        let rejected = queue.enter(ONE).await.unwrap_err();
        assert_eq!(
            (rejected.reason, rejected.retry_after),
            (Reason::RateLimited, Some(RETRY_AFTER))
        );
        let other = enter(OTHER);
        for late in waiting.into_iter().chain([other]) {
            let late = late.await.unwrap().unwrap_err();
            assert_eq!((late.reason, late.retry_after), (Reason::Unavailable, Some(RETRY_AFTER)));
        }
        drop(running);
        drop(queue.enter(OTHER).await.unwrap());
    }
}
