//! Callers that repeat calls, and their latencies.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval_at};

/// A caller that makes one call after another.
pub(crate) trait Caller: Send + 'static {
    /// Makes a call and reads the complete response. Panics if it isn't the expected one.
    fn call(&mut self) -> impl Future<Output = ()> + Send;
}

/// Results of all rounds of a measurement.
#[derive(Debug, Default)]
pub(crate) struct Measurements {
    rates: Vec<f64>,
    /// Latency of each call, in milliseconds.
    took: Vec<f64>,
}

impl Measurements {
    fn add(&mut self, took: Vec<f64>, time: Duration) {
        self.rates.push(count(took.len()) / time.as_secs_f64());
        self.took.extend(took);
    }

    /// Returns the calls per second: the median of the rounds, so that a disturbed round doesn't
    /// matter.
    pub(crate) fn per_second(&self) -> f64 {
        median(&self.rates)
    }

    /// Returns the number of calls in all rounds.
    pub(crate) fn calls(&self) -> f64 {
        count(self.took.len())
    }

    /// Returns a percentile of the latency, in milliseconds.
    pub(crate) fn percentile(&self, part: usize) -> f64 {
        let mut took = self.took.clone();
        took.sort_by(f64::total_cmp);
        took[(took.len() * part / 100).min(took.len() - 1)]
    }

    /// Formats median and tail of the latency.
    pub(crate) fn summary(&self) -> String {
        format!("p50 {:.2} ms, p99 {:.2} ms", self.percentile(50), self.percentile(99))
    }
}

/// Returns the median.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn count(calls: usize) -> f64 {
    f64::from(u32::try_from(calls).expect("a few million calls at most"))
}

/// Runs all callers concurrently. Each repeats its call immediately after a response.
pub(crate) async fn run_closed_loop<C: Caller>(
    callers: &mut Vec<C>,
    time: Duration,
    seen: &mut Measurements,
) {
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

/// Makes calls at a constant rate over all callers. A call that has to wait for the response of the
/// one before it counts from the time at which it was due.
pub(crate) async fn run_at_rate<C: Caller>(
    callers: &mut Vec<C>,
    per_second: u32,
    time: Duration,
    seen: &mut Measurements,
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
