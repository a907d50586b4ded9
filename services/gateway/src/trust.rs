//! What identity said of a credential, trusted for a second while the feed of revocations is
//! heard. Whatever the feed, or a call through this gateway, names since is asked for anew.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use onethread_proto::identity::{AuthenticateRequest, authenticate_response::Caller};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use crate::streams::{Revocations, Subject};

/// How long an answer is trusted, counted from before it was asked for.
const LIFE: Duration = Duration::from_secs(1);

/// Answers of one second that are kept; what is over them is asked for each time.
const ROOM: usize = 10_000;

/// Who a credential speaks for.
#[derive(Debug)]
pub(crate) struct Known {
    /// Organization (UUID).
    pub(crate) organization: String,
    pub(crate) caller: Caller,
    /// Where the feed of revocations stood before identity was asked.
    pub(crate) asked_at: u64,
}

impl Known {
    /// Those whose revocation puts it in doubt.
    fn subjects(&self) -> Vec<Subject> {
        let (one, other) = match &self.caller {
            Caller::Visitor(visitor) => (&visitor.contact_id, &visitor.device_id),
            Caller::Contact(contact) => (&contact.contact_id, &contact.device_id),
            Caller::Agent(agent) => (&agent.id, &agent.id),
            Caller::Server(server) => (&server.api_key_id, &server.api_key_id),
        };
        subjects(&self.organization, [one.as_str(), other.as_str()])
    }

    /// What a visitor's first form and first message change is told by no feed.
    fn is_settled(&self) -> bool {
        match &self.caller {
            Caller::Visitor(visitor) => visitor.stored && !visitor.pre_chat_required,
            Caller::Contact(_) | Caller::Agent(_) | Caller::Server(_) => true,
        }
    }
}

/// Subjects in an organization. The organization itself is one: what it settles concerns all its
/// sessions.
pub(crate) fn subjects<'a>(
    organization: &str,
    ids: impl IntoIterator<Item = &'a str>,
) -> Vec<Subject> {
    let of = Uuid::parse_str(organization).unwrap_or_default();
    let ids = ids.into_iter().filter_map(|id| Uuid::parse_str(id).ok());
    ids.chain([of]).map(|id| (of, id)).collect()
}

/// A credential with where it is used from. Of the credential itself nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn of(asked: &AuthenticateRequest) -> Self {
        let mut hash = Sha256::new();
        for part in [&asked.credential, &asked.origin, &asked.client_address] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// The answers that are trusted.
#[derive(Debug, Default)]
pub(crate) struct Trust(Mutex<Answers>);

#[derive(Debug, Default)]
struct Answers {
    /// Those of this second and of the one before; nothing older is ever used.
    young: HashMap<Key, Held>,
    old: HashMap<Key, Held>,
    begun: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    until: Instant,
    subjects: Vec<Subject>,
    known: Arc<Known>,
}

impl Trust {
    /// What is known of a credential, where that can be trusted now.
    pub(crate) fn look_up(&self, key: Key, revocations: &Revocations) -> Option<Arc<Known>> {
        let answers = self.0.lock().expect("no holder panics");
        let held = answers.young.get(&key).or_else(|| answers.old.get(&key))?;
        let stands = held.until > Instant::now()
            && revocations.vouch_for(held.known.asked_at, &held.subjects);
        stands.then(|| held.known.clone())
    }

    /// Keeps an answer that was asked for at this moment. Whether it stands is looked at with each
    /// use.
    pub(crate) fn keep(&self, key: Key, asked: Instant, known: &Arc<Known>) {
        if !known.is_settled() {
            return;
        }
        let mut answers = self.0.lock().expect("no holder panics");
        answers.age();
        if answers.young.len() < ROOM {
            let (subjects, known) = (known.subjects(), known.clone());
            answers.young.insert(key, Held { until: asked + LIFE, subjects, known });
        }
    }
}

impl Answers {
    fn age(&mut self) {
        let now = Instant::now();
        if self.begun.is_none_or(|begun| begun + LIFE <= now) {
            self.begun = Some(now);
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use onethread_proto::identity::{Revocation, VisitorCaller};

    use super::*;

    const OF: &str = "00000000-0000-7000-8000-00000000000a";

    fn id(n: u128) -> String {
        Uuid::from_u128(n).to_string()
    }

    fn visitor(n: u128, asked_at: u64) -> Arc<Known> {
        let visitor = VisitorCaller {
            contact_id: id(n),
            device_id: id(n + 1000),
            stored: true,
            ..VisitorCaller::default()
        };
        Arc::new(Known { organization: OF.to_owned(), caller: Caller::Visitor(visitor), asked_at })
    }

    fn key(credential: &str) -> Key {
        let credential = credential.to_owned();
        Key::of(&AuthenticateRequest { credential, ..AuthenticateRequest::default() })
    }

    fn named(subject_id: String) -> [Revocation; 1] {
        [Revocation { organization_id: OF.to_owned(), subject_id }]
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_trusted_for_a_second_and_only_while_the_feed_is_heard() {
        let (trust, feed) = (Trust::default(), Revocations::default());
        let keep = || trust.keep(key("t"), Instant::now(), &visitor(1, feed.position()));
        let trusted = || trust.look_up(key("t"), &feed).is_some();
        keep();
        assert!(!trusted(), "nothing was heard yet");
        feed.hear(&[]);
        assert!(trusted());
        assert!(trust.look_up(key("u"), &feed).is_none());
        for _ in 0..9 {
            tokio::time::advance(LIFE / 10).await;
            feed.hear(&[]);
            assert!(trusted());
        }
        tokio::time::advance(LIFE / 10).await;
        feed.hear(&[]);
        assert!(!trusted(), "a second is over");

        keep();
        tokio::time::advance(LIFE / 2).await;
        assert!(trusted());
        feed.hear(&[]);
        keep();
        tokio::time::advance(LIFE).await;
        keep();
        assert!(!trusted(), "the feed is silent");
        feed.doubt_all();
        feed.hear(&[]);
        assert!(!trusted(), "what ended meanwhile was told to nobody");
        keep();
        assert!(trusted());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_named_is_asked_for_and_nobody_else() {
        let (trust, feed) = (Trust::default(), Revocations::default());
        feed.hear(&[]);
        let at = feed.position();
        for n in 1..=4 {
            trust.keep(key(&id(n)), Instant::now(), &visitor(n, at));
        }
        let trusted = || {
            let trusted = |n: &u128| trust.look_up(key(&id(*n)), &feed).is_some();
            (1..=4).filter(trusted).collect::<Vec<_>>()
        };
        feed.hear(&named(id(1)));
        assert_eq!(trusted(), [2, 3, 4]);
        feed.forget(OF, [id(1002).as_str()]);
        assert_eq!(trusted(), [3, 4]);
        // Asked before the word, and kept after it.
        trust.keep(key(&id(1)), Instant::now(), &visitor(1, at));
        assert_eq!(trusted(), [3, 4]);
        trust.keep(key(&id(1)), Instant::now(), &visitor(1, feed.position()));
        assert_eq!(trusted(), [1, 3, 4]);
        feed.forget(OF, []);
        assert!(trusted().is_empty(), "the organization itself");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_revocations_and_of_credentials_is_bounded() {
        let (trust, feed) = (Trust::default(), Revocations::default());
        feed.hear(&[]);
        let at = feed.position();
        trust.keep(key("t"), Instant::now(), &visitor(1, at));
        for _ in 0..10_000 {
            feed.hear(&named(id(7)));
        }
        assert!(trust.look_up(key("t"), &feed).is_none(), "forgotten counts as named");
        for second in 0..3 {
            for n in 0..ROOM + 10 {
                let key = key(&format!("{second} {n}"));
                trust.keep(key, Instant::now(), &visitor(1, feed.position()));
            }
            tokio::time::advance(LIFE).await;
        }
        let answers = trust.0.lock().unwrap();
        assert!(answers.young.len() <= ROOM && answers.old.len() <= ROOM);
    }

    #[test]
    fn what_a_first_message_changes_is_not_kept() {
        let trust = Trust::default();
        for (stored, pre_chat_required) in [(false, false), (true, true)] {
            let visitor = VisitorCaller { stored, pre_chat_required, ..VisitorCaller::default() };
            let caller = Caller::Visitor(visitor);
            let known = Known { organization: OF.to_owned(), caller, asked_at: 0 };
            trust.keep(key("t"), Instant::now(), &Arc::new(known));
        }
        assert!(trust.0.lock().unwrap().young.is_empty());
    }

    #[test]
    fn a_credential_counts_with_where_it_is_used() {
        let key = |credential: &str, origin: &str, address: &str| {
            Key::of(&AuthenticateRequest {
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
