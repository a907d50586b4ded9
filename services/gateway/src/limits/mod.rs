//! Rate limits, and limits of what is open at the same time. They are counted by each process for
//! itself. Every check fails only with `RateLimited`, which says when to retry.

mod guesses;
mod places;
mod refused_proofs;

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
use onethread_core::{ApiKeyId, ApplicationId, DeviceId};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::identity::IdentifyRequest;
use onethread_telemetry::metrics;
use uuid::Uuid;

use crate::app::App;
use refused_proofs::{Attempt, RefusedProofs};

pub(crate) use places::{Place, Places};

/// Interval at which counts of callers without recent calls are dropped.
const EVICTION_INTERVAL: Duration = Duration::from_secs(10);

/// How many addresses may use up the logins of one account. Few enough that guesses from many
/// addresses stay slow, and too many for someone who only wants to lock the account's owner out.
const ADDRESSES_PER_ACCOUNT: NonZeroU32 = NonZeroU32::new(20).expect("it is not zero");

/// When to retry to open a stream: others end when their pages are closed.
const STREAM_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// The limits; `None` for one that is off.
#[derive(Debug)]
pub(crate) struct Limits {
    init: Option<Limit<IpAddr>>,
    new_visitor: Option<Limit<IpAddr>>,
    login: Option<Limit<IpAddr>>,
    /// By account and address, so that wrong passwords from one place lock no one out elsewhere.
    login_by_email: Option<Limit<u64>>,
    /// By account from everywhere.
    login_by_account: Option<Limit<u64>>,
    messages: Option<Limit<DeviceId>>,
    messages_by_address: Option<Limit<IpAddr>>,
    refused_proofs: Option<RefusedProofs>,
    api_key: Option<Limit<ApiKeyId>>,
    other: Option<Limit<IpAddr>>,
    streams: Option<Places>,
    hasher: RandomState,
}

impl Limits {
    pub(crate) fn new(configured: &RateLimits) -> Self {
        Self {
            init: configured.init.map(Limit::per_minute),
            new_visitor: configured.new_contacts.map(Limit::per_minute),
            login: configured.logins.map(Limit::per_minute),
            login_by_email: configured.logins_by_email.map(Limit::per_minute),
            login_by_account: configured
                .logins_by_email
                .map(|limit| Limit::per_minute(limit.saturating_mul(ADDRESSES_PER_ACCOUNT))),
            messages: configured.widget_messages.map(Limit::per_minute),
            messages_by_address: configured.widget_messages_by_address.map(Limit::per_minute),
            refused_proofs: configured.refused_proofs.map(RefusedProofs::per_minute),
            api_key: configured.api_key.map(Limit::per_minute),
            other: configured.everything_else.map(Limit::per_minute),
            streams: configured.streams.map(Places::new),
            hasher: RandomState::new(),
        }
    }

    /// A start of the widget.
    pub(crate) fn init(&self, from: IpAddr) -> Result<()> {
        take("init", self.init.as_ref(), || from)
    }

    /// A start of the widget for a user, before identity checks the proof. `None` for a start that
    /// isn't counted.
    pub(crate) async fn proof(
        &self,
        request: &IdentifyRequest,
        from: IpAddr,
    ) -> Result<Option<Attempt<'_>>> {
        match &self.refused_proofs {
            Some(refused) => {
                let checked = refused.check(request, from).await;
                checked.inspect_err(|_| metrics::rate_limited("refused_proof"))
            }
            None => Ok(None),
        }
    }

    /// The proof was right. `device_token` is that of the session.
    pub(crate) fn proven(attempt: Option<Attempt<'_>>, application: &str, device_token: &str) {
        if let Some(attempt) = attempt {
            attempt.proven(application_id(application), device_token);
        }
    }

    /// Identity refused the proof.
    pub(crate) fn proof_refused(attempt: Option<Attempt<'_>>, application: &str) {
        if let Some(attempt) = attempt {
            attempt.refused(application_id(application));
        }
    }

    /// A visitor who is stored for the first time.
    pub(crate) fn new_visitor(&self, from: IpAddr) -> Result<()> {
        take("new_visitor", self.new_visitor.as_ref(), || from)
    }

    /// A call that takes a password or leads to a login, successful or not.
    pub(crate) fn login(&self, from: IpAddr) -> Result<()> {
        take("login", self.login.as_ref(), || from)
    }

    /// The same, by the account and the address, and by the account alone.
    pub(crate) fn login_by_email(
        &self,
        organization: &str,
        email: &str,
        from: IpAddr,
    ) -> Result<()> {
        // Only a keyed hash is kept: it has one size, and no email can be read from it.
        let account = (organization.to_lowercase(), email.to_lowercase());
        let limit = self.login_by_email.as_ref();
        take("login_by_email", limit, || self.hasher.hash_one((&account, from)))?;
        let limit = self.login_by_account.as_ref();
        take("login_by_account", limit, || self.hasher.hash_one(&account))
    }

    /// A message from a widget.
    pub(crate) fn message(&self, device: DeviceId, from: IpAddr) -> Result<()> {
        take("message", self.messages.as_ref(), || device)?;
        take("message_by_address", self.messages_by_address.as_ref(), || from)
    }

    /// A live stream. The place is to be held as long as the stream is open.
    pub(crate) fn stream(&self, from: IpAddr) -> Result<Option<Place>> {
        let Some(streams) = &self.streams else { return Ok(None) };
        let refused = || {
            metrics::rate_limited("stream");
            Error::new(Reason::RateLimited).retry_after(STREAM_RETRY_INTERVAL)
        };
        streams.take(from).map(Some).ok_or_else(refused)
    }

    /// A call with an API key.
    pub(crate) fn api_key(&self, key: ApiKeyId) -> Result<()> {
        take("api_key", self.api_key.as_ref(), || key)
    }

    /// Every other call.
    pub(crate) fn other(&self, from: IpAddr) -> Result<()> {
        take("other", self.other.as_ref(), || from)
    }

    fn evict_idle(&self) {
        let by_address =
            [&self.init, &self.new_visitor, &self.login, &self.messages_by_address, &self.other];
        by_address.into_iter().flatten().for_each(Limit::evict_idle);
        self.login_by_email.iter().for_each(Limit::evict_idle);
        self.login_by_account.iter().for_each(Limit::evict_idle);
        self.messages.iter().for_each(Limit::evict_idle);
        self.refused_proofs.iter().for_each(RefusedProofs::evict_idle);
        self.api_key.iter().for_each(Limit::evict_idle);
    }
}

fn take<K: Hash + Eq + Clone>(
    name: &'static str,
    limit: Option<&Limit<K>>,
    key: impl FnOnce() -> K,
) -> Result<()> {
    let taken = limit.map_or(Ok(()), |limit| limit.take(&key()));
    taken.inspect_err(|_| metrics::rate_limited(name))
}

/// The id of an application as identity answers it.
fn application_id(text: &str) -> ApplicationId {
    ApplicationId(Uuid::parse_str(text).unwrap_or_default())
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

    fn evict_idle(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

/// Keeps memory bounded: only callers of about the last minute are counted.
pub(crate) async fn evict_idle(app: Arc<App>) {
    let stopping = app.life.stopping();
    tokio::pin!(stopping);
    loop {
        tokio::select! {
            () = &mut stopping => return,
            () = tokio::time::sleep(EVICTION_INTERVAL) => {}
        }
        app.limits.evict_idle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_counted_by_email_in_any_case_and_by_address() {
        let limits = Limits::new(&RateLimits::default());
        let (here, elsewhere) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..5 {
            limits.login_by_email("demo", "Ann@example.com", here).unwrap();
        }
        let refused = limits.login_by_email("demo", "ann@EXAMPLE.com", here).unwrap_err();
        assert_eq!(refused.reason, Reason::RateLimited);
        assert!(refused.retry_after.unwrap() <= Duration::from_secs(12));
        limits.login_by_email("demo", "bob@example.com", here).unwrap();
        // Wrong passwords from one place lock no one out elsewhere.
        limits.login_by_email("demo", "ann@example.com", elsewhere).unwrap();
    }

    #[test]
    fn logins_of_one_account_are_limited_over_all_addresses() {
        let limits = Limits::new(&RateLimits::default());
        let from = |n: u32| IpAddr::V4(n.into());
        let taken = (0..1000)
            .take_while(|n| limits.login_by_email("demo", "a@b.example", from(*n)).is_ok());
        assert!((100..150).contains(&taken.count()));
    }

    #[test]
    fn each_limit_is_as_documented() {
        let limits = Limits::new(&RateLimits::default());
        let from = IpAddr::from([192, 0, 2, 1]);
        let id = Uuid::from_u128(1);
        let taken = |call: &dyn Fn() -> Result<()>| (0..).take_while(|_| call().is_ok()).count();
        let about = |calls: usize, limit: usize| (limit..=limit + limit / 2).contains(&calls);
        assert!(about(taken(&|| limits.init(from)), 120));
        assert!(about(taken(&|| limits.new_visitor(from)), 20));
        assert!(about(taken(&|| limits.login(from)), 10));
        assert!(about(taken(&|| limits.message(DeviceId(id), from)), 60));
        assert!(about(taken(&|| limits.api_key(ApiKeyId(id))), 1200));
        assert!(about(taken(&|| limits.other(from)), 600));
    }

    #[test]
    fn messages_and_streams_of_one_address_are_limited_over_all_devices() {
        let limits = Limits::new(&RateLimits::default());
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let device = |n: u32| DeviceId(Uuid::from_u128(n.into()));
        let sent = (0..1000).take_while(|n| limits.message(device(*n), here).is_ok()).count();
        assert!((600..700).contains(&sent), "{sent}");
        limits.message(device(1001), there).unwrap();

        let open: Vec<_> = (0..500).map(|_| limits.stream(here).unwrap()).collect();
        assert_eq!(limits.stream(here).unwrap_err().reason, Reason::RateLimited);
        limits.stream(there).unwrap();
        drop(open);
        limits.stream(here).unwrap();
    }

    #[test]
    fn limits_can_be_off() {
        let limits = Limits::new(&RateLimits::off());
        assert!((0..1000).all(|_| limits.init([1, 2, 3, 4].into()).is_ok()));
    }
}
