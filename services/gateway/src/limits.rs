//! How often somebody may call. Counts live in this process alone.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use onethread_config::RateLimits;
use onethread_errors::{Error, Reason, Result};
use uuid::Uuid;

use crate::app::App;

/// How often counts of those who have been quiet are dropped.
const SWEEP: Duration = Duration::from_secs(10);

/// The limits, or none.
#[derive(Debug)]
pub(crate) struct Limits(Option<Table>);

#[derive(Debug)]
struct Table {
    init: Limit<IpAddr>,
    new_visitor: Limit<IpAddr>,
    login: Limit<IpAddr>,
    login_as: Limit<u64>,
    messages: Limit<Uuid>,
    api_key: Limit<Uuid>,
    other: Limit<IpAddr>,
    hasher: RandomState,
}

impl Limits {
    pub(crate) fn new(wanted: RateLimits) -> Self {
        Self((wanted == RateLimits::Default).then(|| Table {
            init: Limit::per_minute(120),
            new_visitor: Limit::per_minute(20),
            login: Limit::per_minute(10),
            login_as: Limit::per_minute(5),
            messages: Limit::per_minute(60),
            api_key: Limit::per_minute(1200),
            other: Limit::per_minute(600),
            hasher: RandomState::new(),
        }))
    }

    /// A start of the widget.
    pub(crate) fn init(&self, from: IpAddr) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |table| table.init.take(&from))
    }

    /// A visitor of whom something is stored for the first time.
    pub(crate) fn new_visitor(&self, from: IpAddr) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |table| table.new_visitor.take(&from))
    }

    /// An agent's login, right or wrong.
    pub(crate) fn login(&self, from: IpAddr, organization: &str, email: &str) -> Result<()> {
        let Some(table) = &self.0 else { return Ok(()) };
        table.login.take(&from)?;
        // Only a keyed hash is kept: of one size, and no list of e-mails.
        let who = (organization.to_lowercase(), email.to_lowercase());
        table.login_as.take(&table.hasher.hash_one(who))
    }

    /// An invitation, right or wrong: it leads to a login.
    pub(crate) fn accept(&self, from: IpAddr) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |table| table.login.take(&from))
    }

    /// A message from a widget.
    pub(crate) fn message(&self, device: &str) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |table| table.messages.take(&id(device)))
    }

    /// A call with an API key.
    pub(crate) fn api_key(&self, key: &str) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |table| table.api_key.take(&id(key)))
    }

    /// Every other call.
    pub(crate) fn other(&self, from: IpAddr) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |table| table.other.take(&from))
    }
}

fn id(text: &str) -> Uuid {
    // Ids of our own services are UUIDs; a broken one shares its count with its like.
    Uuid::parse_str(text).unwrap_or_default()
}

#[derive(Debug)]
struct Limit<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

impl<K: Hash + Eq + Clone> Limit<K> {
    fn per_minute(calls: u32) -> Self {
        let calls = NonZeroU32::new(calls).expect("limits are above 0");
        Self(RateLimiter::keyed(Quota::per_minute(calls)))
    }

    fn take(&self, key: &K) -> Result<()> {
        self.0.check_key(key).map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            Error::new(Reason::RateLimited).retry_after(wait)
        })
    }

    fn forget_the_quiet(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

/// Keeps memory in bounds: only those who called within the last minute are remembered.
pub(crate) async fn forget_the_quiet(app: Arc<App>) {
    let Some(table) = &app.limits.0 else { return };
    let stopping = app.life.stopping();
    tokio::pin!(stopping);
    loop {
        tokio::select! {
            () = &mut stopping => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        for limit in [&table.init, &table.new_visitor, &table.login, &table.other] {
            limit.forget_the_quiet();
        }
        table.login_as.forget_the_quiet();
        table.messages.forget_the_quiet();
        table.api_key.forget_the_quiet();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_counted_by_e_mail_whatever_its_case_and_address() {
        let limits = Limits::new(RateLimits::Default);
        for n in 0..5 {
            limits.login([10, 0, 0, n].into(), "demo", "Ann@example.com").unwrap();
        }
        let refused = limits.login([10, 0, 0, 9].into(), "demo", "ann@EXAMPLE.com").unwrap_err();
        assert_eq!(refused.reason, Reason::RateLimited);
        assert!(refused.retry_after.unwrap() <= Duration::from_secs(12));
        limits.login([10, 0, 0, 9].into(), "demo", "bob@example.com").unwrap();
    }

    #[test]
    fn off_is_off() {
        let limits = Limits::new(RateLimits::Off);
        assert!((0..1000).all(|_| limits.init([1, 2, 3, 4].into()).is_ok()));
    }
}
