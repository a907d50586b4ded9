//! The limit of refused proofs by application and address. An attempt takes its place before identity
//! checks the proof, and gives it back when the proof was right.
//!
//! Wrong proofs of others don't keep the right person out, even at the same address. When an address
//! has reached the limit, these still pass: a proof that was right before; a device on which the user
//! was proven before, with a limit of its own; and the first attempt for a user who wasn't refused
//! there in the last minute, as many of them as refusals are allowed.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use onethread_core::ApplicationId;
use onethread_errors::{Error, Reason, Result};
use onethread_proto::identity::{IdentifyRequest, UserClaims, identify_request::Application};
use prost::Message;
use prost_types::value::Kind;
use quick_cache::sync::Cache;
use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;

use super::guesses::{Guesses, Taken};

/// Names of applications that are cached: by number and by id.
const APPLICATIONS_CAPACITY: usize = 10_000;

/// Proofs and devices of proven users that are remembered.
const PROVEN_CAPACITY: usize = 20_000;

/// Time that an attempt waits for others that are being checked.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Attempts in a minute for a user at an address that has reached its limit.
const FIRST_ATTEMPT: NonZeroU32 = NonZeroU32::MIN;

/// What attempts are counted by. Applications, users and devices are hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Address {
        application: u64,
        from: IpAddr,
    },
    /// The first attempts for users at an address that has reached its limit.
    FirstAttempts {
        application: u64,
        from: IpAddr,
    },
    /// One user at an address.
    User {
        application: u64,
        from: IpAddr,
        user: u64,
    },
    /// One user on a device on which the user was proven before.
    Device {
        application: u64,
        user: u64,
        device: u64,
    },
}

/// What was right before. All are hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Proven {
    Proof { application: u64, user: u64, proof: u64 },
    Device { application: u64, user: u64, device: u64 },
}

/// What a request says, as hashes.
#[derive(Debug, Clone, Copy)]
struct Claim {
    from: IpAddr,
    /// The application's name in the request, without the secret.
    named: u64,
    user: u64,
    proof: u64,
    device: Option<u64>,
}

/// A proof that identity is about to check. Dropping it gives its places back.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    limit: &'a RefusedProofs,
    claim: Claim,
    /// Places that it has taken. None for a proof that was right before.
    places: Vec<Key>,
}

/// The limit of refused proofs.
#[derive(Debug)]
pub(super) struct RefusedProofs {
    refusals: NonZeroU32,
    guesses: Guesses<Key>,
    /// Notified when places have been given back.
    given_back: Notify,
    /// Proofs that were right, and devices of proven users.
    proven: Cache<Proven, ()>,
    /// Applications by the hash of the name that a request has for them.
    applications: Mutex<HashMap<u64, ApplicationId>>,
    hasher: RandomState,
}

impl RefusedProofs {
    pub(super) fn per_minute(refusals: NonZeroU32) -> Self {
        Self {
            refusals,
            guesses: Guesses::default(),
            given_back: Notify::new(),
            proven: Cache::new(PROVEN_CAPACITY),
            applications: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Takes a place before identity checks the proof. `None` without a user.
    pub(super) async fn check(
        &self,
        request: &IdentifyRequest,
        from: IpAddr,
    ) -> Result<Option<Attempt<'_>>> {
        let Some(claim) = self.claim(request, from) else { return Ok(None) };
        let places = timeout(MAX_WAIT, async {
            loop {
                let given_back = self.given_back.notified();
                match self.try_take(claim) {
                    Taking::Done(places) => return Ok(places),
                    Taking::Wait => given_back.await,
                    Taking::Refused(wait) => {
                        return Err(Error::new(Reason::RateLimited).retry_after(wait));
                    }
                }
            }
        });
        let late = |_| Error::new(Reason::RateLimited).retry_after(Duration::from_secs(1));
        let places = places.await.map_err(late)??;
        Ok(Some(Attempt { limit: self, claim, places }))
    }

    fn try_take(&self, claim: Claim) -> Taking {
        let Claim { from, named, user, proof, device } = claim;
        let application = self.application(named);
        if self.proven.get(&Proven::Proof { application, user, proof }).is_some() {
            return Taking::Done(Vec::new());
        }
        let device = device.filter(|device| {
            let device = Proven::Device { application, user, device: *device };
            self.proven.get(&device).is_some()
        });
        let key = match device {
            Some(device) => Key::Device { application, user, device },
            None => Key::Address { application, from },
        };
        let wait = match self.guesses.take(key, self.refusals) {
            Taken::Yes => return Taking::Done(vec![key]),
            Taken::Later => return Taking::Wait,
            Taken::No(wait) => wait,
        };
        if device.is_some() {
            return Taking::Refused(wait);
        }
        let user = Key::User { application, from, user };
        match self.guesses.take(user, FIRST_ATTEMPT) {
            Taken::Yes => {}
            Taken::Later => return Taking::Wait,
            Taken::No(_) => return Taking::Refused(wait),
        }
        let first = Key::FirstAttempts { application, from };
        let taken = self.guesses.take(first, self.refusals);
        if taken == Taken::Yes {
            return Taking::Done(vec![user, first]);
        }
        self.guesses.give_back(&user);
        if taken == Taken::Later { Taking::Wait } else { Taking::Refused(wait) }
    }

    pub(super) fn evict_idle(&self) {
        self.guesses.evict_idle();
    }

    /// `None` without a user.
    fn claim(&self, request: &IdentifyRequest, from: IpAddr) -> Option<Claim> {
        let claims = request.user.as_ref()?;
        let user = self.hasher.hash_one(user_id(claims)?);
        let application = match &request.application {
            Some(Application::NumberAndSecret(named)) => Ok(named.number),
            // Parsed, because a UUID can be written in several ways.
            Some(Application::ApplicationId(id)) => Err(Uuid::parse_str(id).unwrap_or_default()),
            None => Err(Uuid::nil()),
        };
        let named = self.hasher.hash_one((&request.organization_name, application));
        let proofs = [&claims.security_hash, &claims.user_hash, &claims.user_jwt];
        let proof =
            self.hasher.hash_one(proofs.map(|proof| proof.as_ref().map(Message::encode_to_vec)));
        let device = Some(&request.device_token).filter(|token| !token.is_empty());
        let device = device.map(|token| self.hasher.hash_one(token));
        Some(Claim { from, named, user, proof, device })
    }

    /// The same hash for every name of an application, once an answer has told what it names.
    fn application(&self, named: u64) -> u64 {
        let application = lock(&self.applications).get(&named).copied();
        application.map_or(named, |application| self.hasher.hash_one(application))
    }

    fn remember(&self, named: u64, application: ApplicationId) {
        let mut applications = lock(&self.applications);
        if applications.len() >= APPLICATIONS_CAPACITY && !applications.contains_key(&named) {
            applications.clear();
        }
        applications.insert(named, application);
    }
}

impl Attempt<'_> {
    /// The proof was right. `device_token` is that of the session.
    pub(super) fn proven(self, application: ApplicationId, device_token: &str) {
        let Claim { named, user, proof, .. } = self.claim;
        self.limit.remember(named, application);
        let application = self.limit.application(named);
        let device = self.limit.hasher.hash_one(device_token);
        self.limit.proven.insert(Proven::Proof { application, user, proof }, ());
        self.limit.proven.insert(Proven::Device { application, user, device }, ());
    }

    /// The proof was wrong.
    pub(super) fn refused(self, application: ApplicationId) {
        let Claim { from, named, user, proof, .. } = self.claim;
        self.limit.remember(named, application);
        // The places may be those of a name that was not known yet.
        let application = self.limit.application(named);
        self.limit.proven.remove(&Proven::Proof { application, user, proof });
        let (guesses, refusals) = (&self.limit.guesses, self.limit.refusals);
        match self.places.first() {
            Some(device @ Key::Device { .. }) => return guesses.count(*device, refusals),
            Some(Key::User { .. }) => {
                guesses.count(Key::FirstAttempts { application, from }, refusals);
            }
            _ => guesses.count(Key::Address { application, from }, refusals),
        }
        guesses.count(Key::User { application, from, user }, FIRST_ATTEMPT);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.places.iter().for_each(|key| self.limit.guesses.give_back(key));
        self.limit.given_back.notify_waiters();
    }
}

/// Whether an attempt has got its places.
enum Taking {
    Done(Vec<Key>),
    /// Others that are being checked have them.
    Wait,
    /// The limit is reached for this time.
    Refused(Duration),
}

/// The text of the user id. A null or empty one means none; identity takes a number as its text, and
/// rejects other types.
fn user_id(claims: &UserClaims) -> Option<String> {
    match claims.user_id.as_ref()?.kind.as_ref()? {
        Kind::StringValue(text) if !text.is_empty() => Some(text.clone()),
        Kind::NumberValue(number) => Some(number.to_string()),
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder panics")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;
    use onethread_proto::identity::ApplicationNumberAndSecret;
    use prost_types::Value;

    use super::*;

    const APPLICATION: ApplicationId = ApplicationId(Uuid::from_u128(7));
    const OTHER_APPLICATION: ApplicationId = ApplicationId(Uuid::from_u128(8));
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn limit() -> RefusedProofs {
        RefusedProofs::per_minute(NonZeroU32::new(10).unwrap())
    }

    fn request(user: &str, proof: &str) -> IdentifyRequest {
        let text = |text: &str| Some(Value { kind: Some(Kind::StringValue(text.to_owned())) });
        let (user_id, security_hash) = (text(user), text(proof));
        IdentifyRequest {
            organization_name: "demo".to_owned(),
            application: by_number(1),
            user: Some(UserClaims { user_id, security_hash, ..Default::default() }),
            ..Default::default()
        }
    }

    fn by_number(number: i64) -> Option<Application> {
        let secret = String::new();
        Some(Application::NumberAndSecret(ApplicationNumberAndSecret { number, secret }))
    }

    fn by_id(id: &str) -> Option<Application> {
        Some(Application::ApplicationId(id.to_owned()))
    }

    /// What identity would do. True if the proof was checked and is right, false if it is wrong; None if
    /// it wasn't checked.
    async fn try_proof(
        limit: &RefusedProofs,
        request: &IdentifyRequest,
        from: IpAddr,
    ) -> Option<bool> {
        let attempt = match limit.check(request, from).await {
            Ok(attempt) => attempt.unwrap(),
            Err(refused) => {
                assert_eq!(refused.reason, Reason::RateLimited);
                let wait = refused.retry_after.unwrap();
                assert!(wait > Duration::ZERO && wait <= Duration::from_secs(60), "{wait:?}");
                return None;
            }
        };
        tokio::time::sleep(Duration::from_millis(5)).await;
        let proof = request.user.as_ref().unwrap().security_hash.as_ref().unwrap();
        let is_right = proof.kind == Some(Kind::StringValue("right".to_owned()));
        let application = match request.application {
            Some(Application::NumberAndSecret(ApplicationNumberAndSecret {
                number: 2, ..
            })) => OTHER_APPLICATION,
            _ => APPLICATION,
        };
        if is_right {
            attempt.proven(application, "device");
        } else {
            attempt.refused(application);
        }
        Some(is_right)
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_at_the_same_time_do_not_pass_the_limit() {
        let limit = limit();
        let guesses: Vec<_> = (0..60).map(|n| request("u", &format!("guess {n}"))).collect();
        let all = join_all(guesses.iter().map(|guess| try_proof(&limit, guess, HERE))).await;
        assert_eq!(all.iter().filter(|checked| checked.is_some()).count(), 10);
        // Guesses of many users are bounded as well.
        let guesses: Vec<_> = (0..60).map(|n| request(&format!("u{n}"), "guess")).collect();
        let all = join_all(guesses.iter().map(|guess| try_proof(&limit, guess, THERE))).await;
        assert_eq!(all.iter().filter(|checked| checked.is_some()).count(), 20);
        // One more every six seconds.
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(try_proof(&limit, &request("u", "guess"), HERE).await, Some(false));
        assert_eq!(try_proof(&limit, &request("u", "guess"), HERE).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn right_proofs_at_the_same_time_all_pass() {
        let (limit, at_once, most) = (limit(), AtomicUsize::new(0), AtomicUsize::new(0));
        let users: Vec<_> = (0..60).map(|n| request(&format!("u{n}"), "right")).collect();
        let all = users.iter().map(async |user| {
            let attempt = limit.check(user, HERE).await.unwrap().unwrap();
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            at_once.fetch_sub(1, Ordering::SeqCst);
            attempt.proven(APPLICATION, "device");
        });
        join_all(all).await;
        assert_eq!(most.into_inner(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_proofs_of_others_keep_nobody_out() {
        let limit = limit();
        let right = request("u", "right");
        assert_eq!(try_proof(&limit, &right, THERE).await, Some(true));
        while try_proof(&limit, &request("u", "guess"), HERE).await.is_some() {}
        // The proof is known to be right, under every name of the application once it is known.
        assert_eq!(try_proof(&limit, &right, HERE).await, Some(true));
        let id = APPLICATION.to_string();
        let named = IdentifyRequest { application: by_id(&id), ..right.clone() };
        assert_eq!(try_proof(&limit, &named, THERE).await, Some(true));
        assert_eq!(try_proof(&limit, &named, HERE).await, Some(true));
        // The device is known, and has a limit of its own.
        let device_token = "device".to_owned();
        let renewed = IdentifyRequest { device_token, ..request("u", "a new token") };
        for _ in 0..10 {
            assert_eq!(try_proof(&limit, &renewed, HERE).await, Some(false));
        }
        assert_eq!(try_proof(&limit, &renewed, HERE).await, None);
        // Another user comes for the first time.
        assert_eq!(try_proof(&limit, &request("v", "right"), HERE).await, Some(true));
        assert_eq!(try_proof(&limit, &request("w", "guess"), HERE).await, Some(false));
        assert_eq!(try_proof(&limit, &request("w", "guess again"), HERE).await, None);
        // A proof that isn't right any more is a guess.
        let attempt = limit.check(&right, HERE).await.unwrap().unwrap();
        attempt.refused(APPLICATION);
        assert_eq!(try_proof(&limit, &right, HERE).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn ten_refusals_block_one_address_of_one_application_however_it_is_named() {
        let limit = limit();
        let id = APPLICATION.to_string();
        let named = |application| IdentifyRequest { application, ..request("u", "guess") };
        let names = [by_number(1), by_id(&id), by_id(&id.to_uppercase())];
        for application in &names {
            assert_eq!(try_proof(&limit, &named(application.clone()), THERE).await, Some(false));
        }
        assert_eq!(try_proof(&limit, &named(by_number(2)), HERE).await, Some(false));
        for n in 0..10 {
            let application = names[n % 3].clone();
            assert_eq!(try_proof(&limit, &named(application), HERE).await, Some(false));
        }
        for application in names {
            assert_eq!(try_proof(&limit, &named(application.clone()), HERE).await, None);
            assert_eq!(try_proof(&limit, &named(application.clone()), THERE).await, Some(false));
            // A visitor has no proof.
            let visitor = IdentifyRequest { user: None, ..named(application) };
            assert!(limit.check(&visitor, HERE).await.unwrap().is_none());
        }
        assert_eq!(try_proof(&limit, &named(by_number(2)), HERE).await, Some(false));
        limit.evict_idle();
        assert_eq!(try_proof(&limit, &named(by_number(1)), HERE).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_number_is_a_user_id_and_an_attempt_without_an_answer_counts_nothing() {
        let limit = limit();
        let mut number = request("", "guess");
        let user_id = Value { kind: Some(Kind::NumberValue(5.0)) };
        number.user.as_mut().unwrap().user_id = Some(user_id);
        for _ in 0..20 {
            drop(limit.check(&number, HERE).await.unwrap().unwrap());
        }
        for _ in 0..10 {
            assert_eq!(try_proof(&limit, &number, HERE).await, Some(false));
        }
        assert_eq!(try_proof(&limit, &request("5", "guess"), HERE).await, None);
        assert!(limit.check(&request("", "guess"), HERE).await.unwrap().is_none());
    }
}
