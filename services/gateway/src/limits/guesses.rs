//! Counts of wrong guesses. A guess takes its place before it is checked and gives it back when it was
//! right, so that guesses that are checked at the same time don't pass the limit.

use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;

/// Time after which as many guesses as the limit are allowed again.
const WINDOW: Duration = Duration::from_secs(60);

/// The counts by key.
#[derive(Debug)]
pub(super) struct Guesses<K>(Mutex<HashMap<K, Count>>);

/// The guesses of one key.
#[derive(Debug)]
struct Count {
    /// Wrong guesses, fewer as time passes.
    wrong: f64,
    /// When `wrong` was last brought up to date.
    at: Instant,
    /// Guesses that are being checked.
    in_flight: u32,
}

/// Whether a guess has got a place.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    Yes,
    /// All places are taken by guesses that are being checked, and some may become free.
    Later,
    /// The limit is reached; after this time one more guess is allowed.
    No(Duration),
}

impl<K> Default for Guesses<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq> Guesses<K> {
    /// Takes a place, of `limit` in each minute.
    pub(super) fn take(&self, key: K, limit: NonZeroU32) -> Taken {
        let now = Instant::now();
        let mut counts = self.lock();
        let count = counts.entry(key).or_insert(Count { wrong: 0.0, at: now, in_flight: 0 });
        count.forget(limit, now);
        let excess = count.wrong + 1.0 - f64::from(limit.get());
        if excess > 0.0 {
            return Taken::No(WINDOW.div_f64(f64::from(limit.get())).mul_f64(excess));
        }
        if excess + f64::from(count.in_flight) > 0.0 {
            return Taken::Later;
        }
        count.in_flight += 1;
        Taken::Yes
    }

    /// Gives a place back.
    pub(super) fn give_back(&self, key: &K) {
        if let Some(count) = self.lock().get_mut(key) {
            count.in_flight = count.in_flight.saturating_sub(1);
        }
    }

    /// Counts a wrong guess.
    pub(super) fn count(&self, key: K, limit: NonZeroU32) {
        let now = Instant::now();
        let mut counts = self.lock();
        let count = counts.entry(key).or_insert(Count { wrong: 0.0, at: now, in_flight: 0 });
        count.forget(limit, now);
        count.wrong = (count.wrong + 1.0).min(f64::from(limit.get()));
    }

    pub(super) fn evict_idle(&self) {
        let now = Instant::now();
        let mut counts = self.lock();
        counts.retain(|_, count| count.in_flight > 0 || now.duration_since(count.at) < WINDOW);
        counts.shrink_to_fit();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Count>> {
        self.0.lock().expect("no holder panics")
    }
}

impl Count {
    fn forget(&mut self, limit: NonZeroU32, now: Instant) {
        let passed = now.duration_since(self.at).as_secs_f64() / WINDOW.as_secs_f64();
        self.wrong = passed.mul_add(-f64::from(limit.get()), self.wrong).max(0.0);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: NonZeroU32 = NonZeroU32::new(10).unwrap();

    #[tokio::test(start_paused = true)]
    async fn places_are_taken_before_the_check_and_given_back_after_a_right_guess() {
        let guesses = Guesses::default();
        for _ in 0..10 {
            assert_eq!(guesses.take(1, LIMIT), Taken::Yes);
        }
        assert_eq!(guesses.take(1, LIMIT), Taken::Later);
        assert_eq!(guesses.take(2, LIMIT), Taken::Yes);
        guesses.give_back(&1);
        assert_eq!(guesses.take(1, LIMIT), Taken::Yes);
        for _ in 0..10 {
            guesses.give_back(&1);
            guesses.count(1, LIMIT);
        }
        let Taken::No(wait) = guesses.take(1, LIMIT) else { panic!("the limit is reached") };
        assert_eq!(wait.as_secs(), 6);
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(guesses.take(1, LIMIT), Taken::Yes);
        guesses.evict_idle();
        assert_eq!(guesses.lock().len(), 2);
        guesses.give_back(&1);
        guesses.give_back(&2);
        tokio::time::advance(WINDOW).await;
        guesses.evict_idle();
        assert!(guesses.lock().is_empty());
    }
}
