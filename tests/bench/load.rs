//! Callers that ask again and again, and how long they waited.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval_at};

/// Somebody who asks for one thing after the other.
pub(crate) trait Caller: Send + 'static {
    /// Asks once, and takes the whole answer; panics when it is not the one that was wanted.
    fn call(&mut self) -> impl Future<Output = ()> + Send;
}

/// What callers saw in all rounds of a measurement.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    rates: Vec<f64>,
    /// Milliseconds of each call.
    took: Vec<f64>,
}

impl Seen {
    fn add(&mut self, took: Vec<f64>, time: Duration) {
        self.rates.push(count(took.len()) / time.as_secs_f64());
        self.took.extend(took);
    }

    /// Calls a second: the median of the rounds, so that one that something disturbed does not
    /// count.
    pub(crate) fn per_second(&self) -> f64 {
        median(&self.rates)
    }

    /// All calls of all rounds.
    pub(crate) fn calls(&self) -> f64 {
        count(self.took.len())
    }

    /// Milliseconds that so many of a hundred calls took at most.
    pub(crate) fn percentile(&self, part: usize) -> f64 {
        let mut took = self.took.clone();
        took.sort_by(f64::total_cmp);
        took[(took.len() * part / 100).min(took.len() - 1)]
    }

    /// Median and tail in words.
    pub(crate) fn words(&self) -> String {
        format!("p50 {:.2} ms, p99 {:.2} ms", self.percentile(50), self.percentile(99))
    }
}

/// The middle one.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn count(calls: usize) -> f64 {
    f64::from(u32::try_from(calls).expect("a few million calls at most"))
}

/// All callers at once, each asking again as soon as it was answered.
pub(crate) async fn crowd<C: Caller>(callers: &mut Vec<C>, time: Duration, seen: &mut Seen) {
    let end = Instant::now() + time;
    let tasks: Vec<_> = callers
        .drain(..)
        .map(|mut caller| {
            tokio::spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < end {
                    let begun = Instant::now();
                    caller.call().await;
                    took.push(begun.elapsed().as_secs_f64() * 1000.0);
                }
                (caller, took)
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let (caller, took) = task.await.expect("no caller fails");
        callers.push(caller);
        all.extend(took);
    }
    seen.add(all, time);
}

/// So many calls a second over all callers, evenly, whether or not answers come in time: a call
/// that had to wait for the one before it has waited since it was due.
pub(crate) async fn pace<C: Caller>(
    callers: &mut Vec<C>,
    per_second: u32,
    time: Duration,
    seen: &mut Seen,
) {
    let gap = Duration::from_secs(1) / per_second;
    let each = gap * u32::try_from(callers.len()).expect("a few callers");
    let begin = tokio::time::Instant::now() + gap;
    let tasks: Vec<_> = callers
        .drain(..)
        .zip(0_u32..)
        .map(|(mut caller, place)| {
            tokio::spawn(async move {
                let mut ticks = interval_at(begin + gap * place, each);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let mut took = Vec::new();
                loop {
                    let due = ticks.tick().await;
                    if due >= begin + time {
                        return (caller, took);
                    }
                    caller.call().await;
                    took.push(due.elapsed().as_secs_f64() * 1000.0);
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let (caller, took) = task.await.expect("no caller fails");
        callers.push(caller);
        all.extend(took);
    }
    seen.add(all, time);
}
