//! Proofs that were refused, by application and address. Right ones are not counted, so whoever
//! comes from another address, or has the proof before the limit is reached, is in.

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
use onethread_errors::{Error, Reason, Result};
use onethread_proto::identity::{IdentifyRequest, identify_request::Application};
use prost_types::value::Kind;
use uuid::Uuid;

/// Spellings of applications that are remembered: there are two of each.
const REMEMBERED: usize = 10_000;

/// A proof that is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    spelling: u64,
    from: IpAddr,
}

/// Application and address.
type Key = (Uuid, IpAddr);

type Counts =
    RateLimiter<Key, DefaultKeyedStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// The limit of refused proofs.
#[derive(Debug)]
pub(super) struct RefusedProofs {
    counts: Counts,
    /// The time in which one more refusal is allowed again.
    pause: Duration,
    /// Those who have used up what they had, and until when.
    shut: Mutex<HashMap<Key, Instant>>,
    /// Which application a spelling stands for, as identity said it.
    applications: Mutex<HashMap<u64, Uuid>>,
    hasher: RandomState,
}

impl RefusedProofs {
    pub(super) fn per_minute(refusals: NonZeroU32) -> Self {
        let quota = Quota::per_minute(refusals);
        Self {
            counts: RateLimiter::keyed(quota).with_middleware(),
            pause: quota.replenish_interval(),
            shut: Mutex::default(),
            applications: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Before a proof is looked at. Whoever names no user has none.
    pub(super) fn check(&self, asked: &IdentifyRequest, from: IpAddr) -> Result<Option<Attempt>> {
        if !names_a_user(asked) {
            return Ok(None);
        }
        let attempt = Attempt { spelling: self.spelling(asked), from };
        // By a spelling that is not known here nothing was refused.
        let application = lock(&self.applications).get(&attempt.spelling).copied();
        let until = application.and_then(|id| lock(&self.shut).get(&(id, from)).copied());
        let wait = until.map(|until| until.saturating_duration_since(Instant::now()));
        match wait.filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(Error::new(Reason::RateLimited).retry_after(wait)),
            None => Ok(Some(attempt)),
        }
    }

    /// Remembers which application a spelling stands for.
    pub(super) fn named(&self, attempt: Attempt, application: Uuid) {
        let mut applications = lock(&self.applications);
        if applications.len() >= REMEMBERED && !applications.contains_key(&attempt.spelling) {
            applications.clear();
        }
        applications.insert(attempt.spelling, application);
    }

    /// After it was refused.
    pub(super) fn count(&self, attempt: Attempt, application: Uuid) {
        let key = (application, attempt.from);
        let pause = match self.counts.check_key(&key) {
            Ok(left) if left.remaining_burst_capacity() > 0 => return,
            Ok(_) => self.pause,
            Err(refused) => refused.wait_time_from(DefaultClock::default().now()),
        };
        lock(&self.shut).insert(key, Instant::now() + pause);
    }

    pub(super) fn forget_the_quiet(&self) {
        self.counts.retain_recent();
        self.counts.shrink_to_fit();
        let now = Instant::now();
        let mut shut = lock(&self.shut);
        shut.retain(|_, until| *until > now);
        shut.shrink_to_fit();
    }

    /// What the application is called, whatever the secret beside it.
    fn spelling(&self, asked: &IdentifyRequest) -> u64 {
        let application = match &asked.application {
            Some(Application::Secret(secret)) => Ok(secret.application_id),
            // One UUID has many spellings of its own.
            Some(Application::AppId(id)) => Err(Uuid::parse_str(id).unwrap_or_default()),
            None => Err(Uuid::nil()),
        };
        self.hasher.hash_one((&asked.organization, application))
    }
}

/// What is null or empty names nobody; what is no text is refused for itself.
fn names_a_user(asked: &IdentifyRequest) -> bool {
    let user_id = asked.user.as_ref().and_then(|user| user.user_id.as_ref());
    let kind = user_id.and_then(|user_id| user_id.kind.as_ref());
    matches!(kind, Some(Kind::StringValue(text)) if !text.is_empty())
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().expect("no holder panics")
}

#[cfg(test)]
mod tests {
    use onethread_proto::identity::{ApplicationSecret, UserClaims};
    use prost_types::Value;

    use super::*;

    const APPLICATION: Uuid = Uuid::from_u128(7);

    fn asked(application: Application) -> IdentifyRequest {
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
        asked(Application::Secret(secret))
    }

    fn by_id(id: &str) -> IdentifyRequest {
        asked(Application::AppId(id.to_owned()))
    }

    #[test]
    fn ten_refusals_shut_one_address_of_one_application_in_every_spelling() {
        let limit = RefusedProofs::per_minute(NonZeroU32::new(10).unwrap());
        let (here, there) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let attempt = |asked: &IdentifyRequest, from| limit.check(asked, from).unwrap().unwrap();
        let id = APPLICATION.to_string();
        limit.named(attempt(&by_id(&id), there), APPLICATION);
        limit.named(attempt(&by_number(1), here), APPLICATION);
        limit.named(attempt(&by_number(2), here), Uuid::from_u128(8));
        for _ in 0..10 {
            limit.count(attempt(&by_number(1), here), APPLICATION);
        }
        for spelling in [by_number(1), by_id(&id), by_id(&id.to_uppercase())] {
            let refused = limit.check(&spelling, here).unwrap_err();
            assert_eq!(refused.reason, Reason::RateLimited);
            let wait = refused.retry_after.unwrap();
            assert!(wait > Duration::ZERO && wait <= Duration::from_secs(6), "{wait:?}");
            attempt(&spelling, there);
            // A visitor has nothing to prove.
            let visitor = IdentifyRequest { user: None, ..spelling };
            assert!(limit.check(&visitor, here).unwrap().is_none());
        }
        limit.count(attempt(&by_number(2), here), Uuid::from_u128(8));
        attempt(&by_number(2), here);
        limit.forget_the_quiet();
        assert!(limit.check(&by_number(1), here).is_err());
    }
}
