//! The limit of refused proofs by application and address. Proofs that are right aren't counted, so
//! the real user gets in from another address, and from this one before the limit is reached.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};
use onethread_core::ApplicationId;
use onethread_errors::{Error, Reason, Result};
use onethread_proto::identity::{IdentifyRequest, identify_request::Application};
use prost_types::value::Kind;
use uuid::Uuid;

/// Names of applications that are cached: by number and by id.
const CACHE_CAPACITY: usize = 10_000;

/// A proof that identity is about to check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    application_hash: u64,
    from: IpAddr,
}

/// Application and address.
type Key = (ApplicationId, IpAddr);

type Counts =
    RateLimiter<Key, DefaultKeyedStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// The limit of refused proofs.
#[derive(Debug)]
pub(super) struct RefusedProofs {
    counts: Counts,
    /// Time after which one more refusal is allowed.
    replenish_interval: Duration,
    /// Keys that have reached the limit, and until when they are blocked.
    blocked_until: Mutex<HashMap<Key, Instant>>,
    /// Applications by the hash of the name that a request has for them.
    applications: Mutex<HashMap<u64, ApplicationId>>,
    hasher: RandomState,
}

impl RefusedProofs {
    pub(super) fn per_minute(refusals: NonZeroU32) -> Self {
        let quota = Quota::per_minute(refusals);
        Self {
            counts: RateLimiter::keyed(quota).with_middleware(),
            replenish_interval: quota.replenish_interval(),
            blocked_until: Mutex::default(),
            applications: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Checks the limit before identity checks the proof. `None` without a user.
    pub(super) fn check(&self, request: &IdentifyRequest, from: IpAddr) -> Result<Option<Attempt>> {
        if !has_user_id(request) {
            return Ok(None);
        }
        let attempt = Attempt { application_hash: self.application_hash(request), from };
        // Nothing was refused yet for an application that isn't cached.
        let application = lock(&self.applications).get(&attempt.application_hash).copied();
        let until = application.and_then(|id| lock(&self.blocked_until).get(&(id, from)).copied());
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()));
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(Error::new(Reason::RateLimited).retry_after(wait)),
            None => Ok(Some(attempt)),
        }
    }

    /// Caches which application the attempt was for.
    pub(super) fn application_identified(&self, attempt: Attempt, application: ApplicationId) {
        let mut applications = lock(&self.applications);
        if applications.len() >= CACHE_CAPACITY
            && !applications.contains_key(&attempt.application_hash)
        {
            applications.clear();
        }
        applications.insert(attempt.application_hash, application);
    }

    /// Counts a refused proof.
    pub(super) fn count(&self, attempt: Attempt, application: ApplicationId) {
        let key = (application, attempt.from);
        let wait = match self.counts.check_key(&key) {
            Ok(left) if left.remaining_burst_capacity() > 0 => return,
            Ok(_) => self.replenish_interval,
            Err(refused) => refused.wait_time_from(DefaultClock::default().now()),
        };
        lock(&self.blocked_until).insert(key, Instant::now() + wait);
    }

    pub(super) fn evict_idle(&self) {
        self.counts.retain_recent();
        self.counts.shrink_to_fit();
        let now = Instant::now();
        let mut blocked = lock(&self.blocked_until);
        blocked.retain(|_, until| *until > now);
        blocked.shrink_to_fit();
    }

    /// Hash of the application's name in the request, without the secret.
    fn application_hash(&self, request: &IdentifyRequest) -> u64 {
        let application = match &request.application {
            Some(Application::Secret(secret)) => Ok(secret.application_id),
            // Parsed, because a UUID can be written in several ways.
            Some(Application::AppId(id)) => Err(Uuid::parse_str(id).unwrap_or_default()),
            None => Err(Uuid::nil()),
        };
        self.hasher.hash_one((&request.organization, application))
    }
}

/// A null or empty user id means none; another type is rejected by identity.
fn has_user_id(request: &IdentifyRequest) -> bool {
    let user_id = request.user.as_ref().and_then(|user| user.user_id.as_ref());
    let kind = user_id.and_then(|user_id| user_id.kind.as_ref());
    matches!(kind, Some(Kind::StringValue(text)) if !text.is_empty())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder panics")
}

#[cfg(test)]
mod tests {
    use onethread_proto::identity::{ApplicationSecret, UserClaims};
    use prost_types::Value;

    use super::*;

    const APPLICATION: ApplicationId = ApplicationId(Uuid::from_u128(7));

    fn request(application: Application) -> IdentifyRequest {
        let user_id = Value { kind: Some(Kind::StringValue("u".to_owned())) };
        IdentifyRequest {
            organization: "demo".to_owned(),
            application: Some(application),
            user: Some(UserClaims { user_id: Some(user_id), ..Default::default() }),
            ..Default::default()
        }
    }

    fn by_number(number: i64) -> IdentifyRequest {
        let secret = ApplicationSecret { application_id: number, ..Default::default() };
        request(Application::Secret(secret))
    }

    fn by_id(id: &str) -> IdentifyRequest {
        request(Application::AppId(id.to_owned()))
    }

    #[test]
    fn ten_refusals_block_one_address_of_one_application_however_it_is_named() {
        let limit = RefusedProofs::per_minute(NonZeroU32::new(10).unwrap());
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let attempt =
            |request: &IdentifyRequest, from| limit.check(request, from).unwrap().unwrap();
        let id = APPLICATION.to_string();
        limit.application_identified(attempt(&by_id(&id), there), APPLICATION);
        limit.application_identified(attempt(&by_number(1), here), APPLICATION);
        limit.application_identified(
            attempt(&by_number(2), here),
            ApplicationId(Uuid::from_u128(8)),
        );
        for _ in 0..10 {
            limit.count(attempt(&by_number(1), here), APPLICATION);
        }
        for request in [by_number(1), by_id(&id), by_id(&id.to_uppercase())] {
            let refused = limit.check(&request, here).unwrap_err();
            assert_eq!(refused.reason, Reason::RateLimited);
            let wait = refused.retry_after.unwrap();
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(6), "{wait:?}");
            attempt(&request, there);
            // A visitor has no proof.
            let visitor = IdentifyRequest { user: None, ..request };
            assert!(limit.check(&visitor, here).unwrap().is_none());
        }
        limit.count(attempt(&by_number(2), here), ApplicationId(Uuid::from_u128(8)));
        attempt(&by_number(2), here);
        limit.evict_idle();
        assert!(limit.check(&by_number(1), here).is_err());
    }
}
