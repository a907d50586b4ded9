//! How often somebody may call. Counts live in this process alone.

mod refused;

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
use onethread_proto::identity::IdentifyRequest;
use uuid::Uuid;

use crate::app::App;
use refused::{Attempt, RefusedProofs};

/// How often counts of those who have been quiet are dropped.
const SWEEP: Duration = Duration::from_secs(10);

/// The limits; `None` of those that don't hold.
#[derive(Debug)]
pub(crate) struct Limits {
    init: Option<Limit<IpAddr>>,
    new_visitor: Option<Limit<IpAddr>>,
    login: Option<Limit<IpAddr>>,
    login_as: Option<Limit<u64>>,
    messages: Option<Limit<Uuid>>,
    refused_proofs: Option<RefusedProofs>,
    api_key: Option<Limit<Uuid>>,
    other: Option<Limit<IpAddr>>,
    hasher: RandomState,
}

impl Limits {
    pub(crate) fn new(wanted: &RateLimits) -> Self {
        Self {
            init: wanted.init.map(Limit::per_minute),
            new_visitor: wanted.new_contacts.map(Limit::per_minute),
            login: wanted.logins.map(Limit::per_minute),
            login_as: wanted.logins_by_email.map(Limit::per_minute),
            messages: wanted.widget_messages.map(Limit::per_minute),
            refused_proofs: wanted.refused_proofs.map(RefusedProofs::per_minute),
            api_key: wanted.api_key.map(Limit::per_minute),
            other: wanted.everything_else.map(Limit::per_minute),
            hasher: RandomState::new(),
        }
    }

    /// A start of the widget.
    pub(crate) fn init(&self, from: IpAddr) -> Result<()> {
        take(self.init.as_ref(), || from)
    }

    /// A start of the widget that names a user, before the proof is looked at. `None` of one that
    /// isn't counted.
    pub(crate) fn proof(&self, asked: &IdentifyRequest, from: IpAddr) -> Result<Option<Attempt>> {
        self.refused_proofs.as_ref().map_or(Ok(None), |refused| refused.check(asked, from))
    }

    /// Identity has looked at it. `application` is the one that was named.
    pub(crate) fn named(&self, attempt: Option<Attempt>, application: &str) {
        if let Some((refused, attempt)) = self.refused_proofs.as_ref().zip(attempt) {
            refused.named(attempt, id(application));
        }
    }

    /// The proof was refused. `application` is the one that was named.
    pub(crate) fn refused(&self, attempt: Option<Attempt>, application: &str) {
        if let Some((refused, attempt)) = self.refused_proofs.as_ref().zip(attempt) {
            refused.count(attempt, id(application));
        }
    }

    /// A visitor of whom something is stored for the first time.
    pub(crate) fn new_visitor(&self, from: IpAddr) -> Result<()> {
        take(self.new_visitor.as_ref(), || from)
    }

    /// An agent's login, right or wrong.
    pub(crate) fn login(&self, from: IpAddr, organization: &str, email: &str) -> Result<()> {
        take(self.login.as_ref(), || from)?;
        // Only a keyed hash is kept: of one size, and no list of e-mails.
        let who = (organization.to_lowercase(), email.to_lowercase());
        take(self.login_as.as_ref(), || self.hasher.hash_one(who))
    }

    /// An invitation, right or wrong: it leads to a login.
    pub(crate) fn accept(&self, from: IpAddr) -> Result<()> {
        take(self.login.as_ref(), || from)
    }

    /// A message from a widget.
    pub(crate) fn message(&self, device: &str) -> Result<()> {
        take(self.messages.as_ref(), || id(device))
    }

    /// A call with an API key.
    pub(crate) fn api_key(&self, key: &str) -> Result<()> {
        take(self.api_key.as_ref(), || id(key))
    }

    /// Every other call.
    pub(crate) fn other(&self, from: IpAddr) -> Result<()> {
        take(self.other.as_ref(), || from)
    }

    fn forget_the_quiet(&self) {
        for limit in [&self.init, &self.new_visitor, &self.login, &self.other] {
            limit.iter().for_each(Limit::forget_the_quiet);
        }
        self.login_as.iter().for_each(Limit::forget_the_quiet);
        self.messages.iter().for_each(Limit::forget_the_quiet);
        self.refused_proofs.iter().for_each(RefusedProofs::forget_the_quiet);
        self.api_key.iter().for_each(Limit::forget_the_quiet);
    }
}

fn take<K: Hash + Eq + Clone>(limit: Option<&Limit<K>>, key: impl FnOnce() -> K) -> Result<()> {
    limit.map_or(Ok(()), |limit| limit.take(&key()))
}

fn id(text: &str) -> Uuid {
    // Ids of our own services are UUIDs; a broken one shares its count with its like.
    Uuid::parse_str(text).unwrap_or_default()
}

#[derive(Debug)]
struct Limit<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<K>);

impl<K: Hash + Eq + Clone> Limit<K> {
    fn per_minute(calls: NonZeroU32) -> Self {
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
    let stopping = app.life.stopping();
    tokio::pin!(stopping);
    loop {
        tokio::select! {
            () = &mut stopping => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        app.limits.forget_the_quiet();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_counted_by_e_mail_whatever_its_case_and_address() {
        let limits = Limits::new(&RateLimits::default());
        for n in 0..5 {
            limits.login([10, 0, 0, n].into(), "demo", "Ann@example.com").unwrap();
        }
        let refused = limits.login([10, 0, 0, 9].into(), "demo", "ann@EXAMPLE.com").unwrap_err();
        assert_eq!(refused.reason, Reason::RateLimited);
        assert!(refused.retry_after.unwrap() <= Duration::from_secs(12));
        limits.login([10, 0, 0, 9].into(), "demo", "bob@example.com").unwrap();
    }

    #[test]
    fn each_limit_is_as_high_as_the_readme_says() {
        let limits = Limits::new(&RateLimits::default());
        let from = IpAddr::from([192, 0, 2, 1]);
        let device = "00000000-0000-7000-8000-000000000001";
        let taken = |call: &dyn Fn() -> Result<()>| (0..).take_while(|_| call().is_ok()).count();
        let some = |calls: usize, most: usize| (most..=most + most / 2).contains(&calls);
        assert!(some(taken(&|| limits.init(from)), 120));
        assert!(some(taken(&|| limits.new_visitor(from)), 20));
        assert!(some(taken(&|| limits.accept(from)), 10));
        assert!(some(taken(&|| limits.message(device)), 60));
        assert!(some(taken(&|| limits.api_key(device)), 1200));
        assert!(some(taken(&|| limits.other(from)), 600));
    }

    #[test]
    fn off_is_off() {
        let limits = Limits::new(&RateLimits::off());
        assert!((0..1000).all(|_| limits.init([1, 2, 3, 4].into()).is_ok()));
    }
}
