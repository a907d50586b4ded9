//! The feed of ended sessions, and who has to know. One feed a gateway; each open stream is
//! registered under those whose revocation concerns it. While the feed is silent every stream is
//! in doubt once a second, and no earlier answer of identity is trusted.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use onethread_grpc::Unhurried;
use onethread_proto::identity::{Revocation, WatchRevocationsRequest};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tonic::{Request, Status};
use tracing::{info, warn};
use uuid::Uuid;

use super::backoff::Backoff;
use crate::app::App;

/// Identity beats twice a second; after this nothing is known any more.
const SILENCE: Duration = Duration::from_secs(1);

/// So many silences in a row, and the feed is opened anew.
const SILENCES: u32 = 5;

/// How long the feed may take to open.
const OPEN_WAIT: Duration = Duration::from_millis(900);

/// Revocations remembered for streams that are just being opened.
const REMEMBERED: usize = 4096;

/// Organization and contact, device, agent, key, or the organization itself.
pub(crate) type Subject = (Uuid, Uuid);

/// Who waits for which revocation.
#[derive(Debug, Default)]
pub(crate) struct Revocations(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    /// Revocations heard so far.
    position: u64,
    /// The last of them, with the position behind each.
    heard: VecDeque<(u64, Subject)>,
    /// The position at which everybody came into doubt last.
    all_doubted_at: u64,
    /// When the feed was heard last; absent while nothing is known.
    heard_at: Option<Instant>,
    last_id: u64,
    watches: HashMap<Subject, HashMap<u64, Arc<Watch>>>,
}

/// Set when a stream's session may have ended.
#[derive(Debug, Default)]
struct Watch {
    doubted: AtomicBool,
    notify: Notify,
}

impl Watch {
    fn doubt(&self) {
        self.doubted.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }
}

/// A stream's place in the registry. Dropping it leaves.
#[derive(Debug)]
pub(super) struct Registration {
    id: u64,
    subjects: Vec<Subject>,
    watch: Arc<Watch>,
    registry: Arc<Mutex<Registry>>,
}

impl Revocations {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.0.lock().expect("no holder panics")
    }

    /// Where the feed stands. To be asked before identity is, and given to
    /// [`Revocations::register`]: what is heard in between is not missed.
    pub(crate) fn position(&self) -> u64 {
        self.registry().position
    }

    /// Registers a stream. It is in doubt at once if one of its subjects was named since.
    pub(super) fn register(&self, since: u64, subjects: Vec<Subject>) -> Registration {
        let mut registry = self.registry();
        registry.last_id += 1;
        let id = registry.last_id;
        let watch = Arc::new(Watch::default());
        if registry.may_concern(since, &subjects) {
            watch.doubt();
        }
        for subject in &subjects {
            registry.watches.entry(*subject).or_default().insert(id, watch.clone());
        }
        Registration { id, subjects, watch, registry: self.0.clone() }
    }

    /// True while the feed is heard, and has named none of these since.
    pub(crate) fn vouch_for(&self, since: u64, subjects: &[Subject]) -> bool {
        let registry = self.registry();
        registry.heard_at.is_some_and(|at| at.elapsed() < SILENCE)
            && !registry.may_concern(since, subjects)
    }

    /// Notes what a call through this gateway has changed, so that its next one asks identity;
    /// without ids all of the organization is meant. Streams hear of it from the feed.
    pub(crate) fn forget<'a>(&self, organization: &'a str, ids: impl IntoIterator<Item = &'a str>) {
        let mut ids = ids.into_iter().peekable();
        let whole = ids.peek().is_none().then_some(organization);
        let mut registry = self.registry();
        for id in ids.chain(whole) {
            match (Uuid::parse_str(organization), Uuid::parse_str(id)) {
                (Ok(organization), Ok(id)) => registry.note((organization, id)),
                _ => registry.note_all(),
            }
        }
    }

    pub(crate) fn hear(&self, revocations: &[Revocation]) {
        let mut registry = self.registry();
        registry.heard_at = Some(Instant::now());
        for revocation in revocations {
            let organization = Uuid::parse_str(&revocation.organization_id);
            let subject = Uuid::parse_str(&revocation.subject_id);
            match (organization, subject) {
                (Ok(organization), Ok(subject)) => registry.hear((organization, subject)),
                // Somebody's session ended and nobody can say whose.
                _ => registry.doubt_all(),
            }
        }
    }

    /// Nothing is known any more.
    pub(crate) fn doubt_all(&self) {
        let mut registry = self.registry();
        registry.heard_at = None;
        registry.doubt_all();
    }
}

impl Registry {
    fn may_concern(&self, since: u64, subjects: &[Subject]) -> bool {
        let forgotten = self.heard.front().is_some_and(|(first, _)| *first > since + 1);
        let mut later = self.heard.iter().rev().take_while(|(position, _)| *position > since);
        self.all_doubted_at > since
            || (forgotten && self.heard.len() >= REMEMBERED)
            || later.any(|(_, subject)| subjects.contains(subject))
    }

    fn note(&mut self, subject: Subject) {
        self.position += 1;
        if self.heard.len() >= REMEMBERED {
            self.heard.pop_front();
        }
        self.heard.push_back((self.position, subject));
    }

    fn note_all(&mut self) {
        self.position += 1;
        self.all_doubted_at = self.position;
    }

    fn hear(&mut self, subject: Subject) {
        self.note(subject);
        for watch in self.watches.get(&subject).into_iter().flat_map(HashMap::values) {
            watch.doubt();
        }
    }

    fn doubt_all(&mut self) {
        self.note_all();
        for watch in self.watches.values().flat_map(HashMap::values) {
            watch.doubt();
        }
    }
}

impl Registration {
    /// Resolves when the session may have ended. What it said is said once.
    pub(super) async fn doubted(&self) {
        while !self.watch.doubted.swap(false, Ordering::SeqCst) {
            self.watch.notify.notified().await;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut registry = self.registry.lock().expect("no holder panics");
        for subject in &self.subjects {
            if let Some(watches) = registry.watches.get_mut(subject) {
                watches.remove(&self.id);
                if watches.is_empty() {
                    registry.watches.remove(subject);
                }
            }
        }
    }
}

/// Follows the feed until the process stops.
pub(crate) async fn follow(app: Arc<App>) {
    let stopping = app.life.stopping();
    tokio::pin!(stopping);
    let mut backoff = Backoff::default();
    let mut told = false;
    loop {
        let ended = tokio::select! {
            () = &mut stopping => return,
            ended = feed(&app, &mut backoff, &mut told) => ended,
        };
        if !told {
            warn!(code = ?ended.code(), "the feed of ended sessions broke, asking for each stream");
            told = true;
        }
        app.revocations.doubt_all();
        tokio::select! {
            () = &mut stopping => return,
            () = backoff.wait(app.entropy.as_ref()) => {}
        }
    }
}

/// One feed, until it ends or stays silent.
async fn feed(app: &App, backoff: &mut Backoff, told: &mut bool) -> Status {
    let mut request = Request::new(WatchRevocationsRequest {});
    request.extensions_mut().insert(Unhurried);
    let mut client = app.sessions();
    let mut beats = match timeout(OPEN_WAIT, client.watch_revocations(request)).await {
        Ok(Ok(beats)) => beats.into_inner(),
        Ok(Err(status)) => return status,
        Err(_) => return Status::deadline_exceeded("the feed did not open in time"),
    };
    let mut heard = false;
    let mut silences = 0;
    while silences < SILENCES {
        match timeout(SILENCE, beats.message()).await {
            Ok(Ok(Some(beat))) => {
                // What ended before the feed stood was told to nobody; the same goes for silence.
                if !heard || silences > 0 {
                    app.revocations.doubt_all();
                }
                if !heard && std::mem::take(told) {
                    info!("the feed of ended sessions is heard again");
                }
                heard = true;
                silences = 0;
                backoff.reset();
                app.revocations.hear(&beat.revocations);
            }
            Ok(Ok(None)) => return Status::unavailable("the feed ended"),
            Ok(Err(status)) => return status,
            Err(_) => {
                silences += 1;
                app.revocations.doubt_all();
            }
        }
    }
    Status::unavailable("the feed is silent")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn named(subject: Subject) -> Revocation {
        Revocation { organization_id: subject.0.to_string(), subject_id: subject.1.to_string() }
    }

    fn subject(n: u128) -> Subject {
        (Uuid::from_u128(1), Uuid::from_u128(n))
    }

    #[test]
    fn only_those_who_are_named_are_in_doubt() {
        let revocations = Revocations::default();
        let at = revocations.position();
        let one = revocations.register(at, vec![subject(1), subject(2)]);
        let other = revocations.register(at, vec![subject(3)]);
        revocations.hear(&[named(subject(2))]);
        assert!(one.doubted().now_or_never().is_some());
        assert!(one.doubted().now_or_never().is_none());
        assert!(other.doubted().now_or_never().is_none());
        revocations.doubt_all();
        assert!(other.doubted().now_or_never().is_some());
    }

    #[test]
    fn what_is_heard_while_a_stream_opens_is_not_missed() {
        let revocations = Revocations::default();
        revocations.hear(&[named(subject(1))]);
        let before = revocations.position();
        revocations.hear(&[named(subject(2))]);
        let since = |at, n| revocations.register(at, vec![subject(n)]).doubted().now_or_never();
        assert!(since(before, 1).is_none());
        assert!(since(before, 2).is_some());
        for _ in 0..REMEMBERED {
            revocations.hear(&[named(subject(3))]);
        }
        assert!(since(before, 2).is_some(), "forgotten counts as named");
        assert!(since(revocations.position(), 2).is_none());
    }

    #[test]
    fn a_stream_that_goes_leaves_nothing() {
        let revocations = Revocations::default();
        drop(revocations.register(0, vec![subject(1), subject(2)]));
        assert!(revocations.registry().watches.is_empty());
    }
}
