//! Answers of identity about credentials, used for a second while the revocation feed is heard. A
//! credential that the feed, or a call through this gateway, has named since is authenticated
//! again.

use std::{sync::Arc, time::Duration};

use onethread_core::OrganizationId;
use onethread_proto::identity::{AuthenticateRequest, authenticate_response::Caller};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use crate::streams::{Revocations, Subject};

/// Time for which an answer is used, counted from before the question.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Answers that are cached.
const CACHE_CAPACITY: usize = 10_000;

/// Who a credential authenticates.
#[derive(Debug)]
pub(crate) struct Authentication {
    pub(crate) organization: OrganizationId,
    pub(crate) caller: Caller,
    /// Position of the revocation feed before identity was asked.
    pub(crate) feed_position: u64,
}

impl Authentication {
    /// Those whose revocation puts it in doubt.
    fn subjects(&self) -> Vec<Subject> {
        let ids = match &self.caller {
            Caller::Visitor(visitor) => [&visitor.contact_id, &visitor.device_id],
            Caller::Contact(contact) => [&contact.contact_id, &contact.device_id],
            Caller::Agent(agent) => [&agent.id, &agent.id],
            Caller::Server(server) => [&server.api_key_id, &server.api_key_id],
        };
        let ids = ids.into_iter().filter_map(|id| Uuid::parse_str(id).ok());
        subjects(self.organization, ids)
    }

    /// False for a visitor whose first form or first message is still to come: no feed announces
    /// what these change.
    fn is_settled(&self) -> bool {
        match &self.caller {
            Caller::Visitor(visitor) => visitor.stored && !visitor.pre_chat_required,
            Caller::Contact(_) | Caller::Agent(_) | Caller::Server(_) => true,
        }
    }
}

/// Subjects in an organization. The organization itself is one: its revocation concerns all of its
/// sessions.
pub(crate) fn subjects(
    organization: OrganizationId,
    ids: impl IntoIterator<Item = Uuid>,
) -> Vec<Subject> {
    ids.into_iter().chain([organization.0]).map(|id| (organization, id)).collect()
}

/// A hash of a credential and of where it is used from. The credential itself isn't kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CacheKey([u8; 32]);

impl CacheKey {
    pub(crate) fn new(request: &AuthenticateRequest) -> Self {
        let mut hash = Sha256::new();
        for part in [&request.credential, &request.origin, &request.client_address] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// The cached answers.
#[derive(Debug)]
pub(crate) struct AuthenticationCache(Cache<CacheKey, Arc<Entry>>);

#[derive(Debug)]
struct Entry {
    expires_at: Instant,
    subjects: Vec<Subject>,
    authentication: Arc<Authentication>,
}

impl Default for AuthenticationCache {
    fn default() -> Self {
        Self(Cache::new(CACHE_CAPACITY))
    }
}

impl AuthenticationCache {
    /// The answer about a credential, if it can still be used.
    pub(crate) fn get(
        &self,
        key: CacheKey,
        revocations: &Revocations,
    ) -> Option<Arc<Authentication>> {
        let entry = self.0.get(&key)?;
        let is_valid = entry.expires_at > Instant::now()
            && revocations.vouch_for(entry.authentication.feed_position, &entry.subjects);
        is_valid.then(|| entry.authentication.clone())
    }

    /// Caches an answer to a question of this moment. Each use checks whether it is still valid.
    pub(crate) fn insert(
        &self,
        key: CacheKey,
        requested_at: Instant,
        authentication: &Arc<Authentication>,
    ) {
        if !authentication.is_settled() {
            return;
        }
        let (subjects, authentication) = (authentication.subjects(), authentication.clone());
        let expires_at = requested_at + MAX_AGE;
        self.0.insert(key, Arc::new(Entry { expires_at, subjects, authentication }));
    }
}

#[cfg(test)]
mod tests {
    use onethread_proto::identity::{Revocation, VisitorCaller};

    use super::*;

    const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(10));

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn visitor(n: u128, feed_position: u64) -> Arc<Authentication> {
        let visitor = VisitorCaller {
            contact_id: id(n).to_string(),
            device_id: id(n + 1000).to_string(),
            stored: true,
            ..VisitorCaller::default()
        };
        let caller = Caller::Visitor(visitor);
        Arc::new(Authentication { organization: ORGANIZATION, caller, feed_position })
    }

    fn key(credential: &str) -> CacheKey {
        let credential = credential.to_owned();
        CacheKey::new(&AuthenticateRequest { credential, ..AuthenticateRequest::default() })
    }

    fn revocation(subject: Uuid) -> [Revocation; 1] {
        let (organization_id, subject_id) = (ORGANIZATION.to_string(), subject.to_string());
        [Revocation { organization_id, subject_id }]
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_used_for_a_second_and_only_while_the_feed_is_heard() {
        let (cache, feed) = (AuthenticationCache::default(), Revocations::default());
        let insert = || cache.insert(key("t"), Instant::now(), &visitor(1, feed.position()));
        let usable = || cache.get(key("t"), &feed).is_some();
        insert();
        assert!(!usable(), "the feed was never heard");
        feed.hear(&[]);
        assert!(usable());
        assert!(cache.get(key("u"), &feed).is_none());
        for _ in 0..9 {
            tokio::time::advance(MAX_AGE / 10).await;
            feed.hear(&[]);
            assert!(usable());
        }
        tokio::time::advance(MAX_AGE / 10).await;
        feed.hear(&[]);
        assert!(!usable(), "a second is over");

        insert();
        tokio::time::advance(MAX_AGE / 2).await;
        assert!(usable());
        feed.hear(&[]);
        insert();
        tokio::time::advance(MAX_AGE).await;
        insert();
        assert!(!usable(), "the feed is silent");
        feed.doubt_all();
        feed.hear(&[]);
        assert!(!usable(), "revocations may have been missed meanwhile");
        insert();
        assert!(usable());
    }

    #[tokio::test(start_paused = true)]
    async fn only_revoked_callers_are_authenticated_again() {
        let (cache, feed) = (AuthenticationCache::default(), Revocations::default());
        feed.hear(&[]);
        let at = feed.position();
        for n in 1..=4 {
            cache.insert(key(&id(n).to_string()), Instant::now(), &visitor(n, at));
        }
        let usable = || {
            let usable = |n: &u128| cache.get(key(&id(*n).to_string()), &feed).is_some();
            (1..=4).filter(usable).collect::<Vec<_>>()
        };
        feed.hear(&revocation(id(1)));
        assert_eq!(usable(), [2, 3, 4]);
        feed.note(ORGANIZATION, [id(1002)]);
        assert_eq!(usable(), [3, 4]);
        // Asked before the revocation, and cached after it.
        cache.insert(key(&id(1).to_string()), Instant::now(), &visitor(1, at));
        assert_eq!(usable(), [3, 4]);
        cache.insert(key(&id(1).to_string()), Instant::now(), &visitor(1, feed.position()));
        assert_eq!(usable(), [1, 3, 4]);
        feed.note(ORGANIZATION, [ORGANIZATION.0]);
        assert!(usable().is_empty(), "the organization itself");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_revocations_and_of_credentials_is_bounded() {
        let (cache, feed) = (AuthenticationCache::default(), Revocations::default());
        feed.hear(&[]);
        let at = feed.position();
        cache.insert(key("t"), Instant::now(), &visitor(1, at));
        for _ in 0..10_000 {
            feed.hear(&revocation(id(7)));
        }
        assert!(
            cache.get(key("t"), &feed).is_none(),
            "a revocation may be among those that are no longer remembered"
        );
        for second in 0..3 {
            for n in 0..CACHE_CAPACITY + 10 {
                let key = key(&format!("{second} {n}"));
                cache.insert(key, Instant::now(), &visitor(1, feed.position()));
            }
            tokio::time::advance(MAX_AGE).await;
        }
        assert!(cache.0.len() <= CACHE_CAPACITY, "{}", cache.0.len());
    }

    #[test]
    fn an_answer_that_a_first_message_changes_is_not_cached() {
        let cache = AuthenticationCache::default();
        for (stored, pre_chat_required) in [(false, false), (true, true)] {
            let visitor = VisitorCaller { stored, pre_chat_required, ..VisitorCaller::default() };
            let caller = Caller::Visitor(visitor);
            let authentication =
                Authentication { organization: ORGANIZATION, caller, feed_position: 0 };
            cache.insert(key("t"), Instant::now(), &Arc::new(authentication));
        }
        assert!(cache.0.is_empty());
    }

    #[test]
    fn a_credential_is_cached_with_the_place_it_is_used_from() {
        let key = |credential: &str, origin: &str, address: &str| {
            CacheKey::new(&AuthenticateRequest {
                credential: credential.to_owned(),
                origin: origin.to_owned(),
                client_address: address.to_owned(),
            })
        };
        let keys = [key("a", "", ""), key("a", "b", ""), key("a", "", "b"), key("ab", "", "")];
        for (n, one) in keys.iter().enumerate() {
            assert!(keys[n + 1..].iter().all(|other| one != other));
        }
    }
}
