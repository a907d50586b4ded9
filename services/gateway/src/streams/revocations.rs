//! The revocation feed of identity, and who depends on it: each open stream is registered under
//! those whose revocation ends it, and cached authentications ask whether they are still valid.
//! While the feed is silent every stream is in doubt once a second, and no cached authentication
//! is used.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use onethread_core::OrganizationId;
use onethread_grpc::NoDeadline;
use onethread_proto::identity::{Revocation, WatchRevocationsRequest};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tonic::{Request, Status};
use uuid::Uuid;

use super::upstream::Upstream;
use crate::app::App;

/// Time after which the feed is silent. Identity sends a heartbeat twice a second.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// Silences in a row after which the feed is opened again.
const MAX_SILENCES: u32 = 5;

/// Time in which the feed has to open.
const OPEN_TIMEOUT: Duration = Duration::from_millis(900);

/// Revocations that are remembered for streams that are just being opened.
const HISTORY_CAPACITY: usize = 4096;

/// An organization, and the id of a contact, device, agent or API key in it, or its own.
pub(crate) type Subject = (OrganizationId, Uuid);

/// Who depends on which revocation.
#[derive(Debug, Default)]
pub(crate) struct Revocations(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    /// Number of revocations so far.
    position: u64,
    /// The last of them, each with its number.
    history: VecDeque<(u64, Subject)>,
    /// The position at which everybody came into doubt last.
    all_in_doubt_at: u64,
    /// When the feed was heard last; `None` while it is broken.
    heard_at: Option<Instant>,
    last_id: u64,
    watches: HashMap<Subject, HashMap<u64, Arc<Watch>>>,
}

/// Notified when a stream's session may have ended.
#[derive(Debug, Default)]
struct Watch {
    in_doubt: AtomicBool,
    notify: Notify,
}

impl Watch {
    fn doubt(&self) {
        self.in_doubt.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }
}

/// The registration of a stream. Dropping it removes the stream.
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

    /// The feed's position. Read it before asking identity and pass it to
    /// [`Revocations::register`], so that nothing in between is missed.
    pub(crate) fn position(&self) -> u64 {
        self.registry().position
    }

    /// Registers a stream. It is in doubt at once if a subject was revoked since the position.
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

    /// True while the feed is heard and has revoked none of the subjects since the position.
    pub(crate) fn vouch_for(&self, since: u64, subjects: &[Subject]) -> bool {
        let registry = self.registry();
        registry.heard_at.is_some_and(|at| at.elapsed() < SILENCE_TIMEOUT)
            && !registry.may_concern(since, subjects)
    }

    /// Notes what a call through this gateway has changed, so that identity is asked by the next
    /// call. Streams learn it from the feed.
    pub(crate) fn note(
        &self,
        organization: OrganizationId,
        subjects: impl IntoIterator<Item = Uuid>,
    ) {
        let mut registry = self.registry();
        for subject in subjects {
            registry.note((organization, subject));
        }
    }

    /// The same for a change that concerns every session of an organization.
    pub(crate) fn note_organization(&self, organization: OrganizationId) {
        self.note(organization, [organization.0]);
    }

    /// The same for ids as identity answers them.
    pub(crate) fn note_answered(&self, organization: OrganizationId, subjects: &[String]) {
        let mut registry = self.registry();
        for subject in subjects {
            match Uuid::parse_str(subject) {
                Ok(subject) => registry.note((organization, subject)),
                Err(_) => registry.note_all(),
            }
        }
    }

    pub(crate) fn hear(&self, revocations: &[Revocation]) {
        let mut registry = self.registry();
        registry.heard_at = Some(Instant::now());
        for revocation in revocations {
            let organization = revocation.organization_id.parse();
            let subject = Uuid::parse_str(&revocation.subject_id);
            match (organization, subject) {
                (Ok(organization), Ok(subject)) => registry.hear((organization, subject)),
                // A session ended and it isn't known whose.
                _ => registry.doubt_all(),
            }
        }
    }

    /// Every session may have ended.
    pub(crate) fn doubt_all(&self) {
        let mut registry = self.registry();
        registry.heard_at = None;
        registry.doubt_all();
    }
}

impl Registry {
    fn may_concern(&self, since: u64, subjects: &[Subject]) -> bool {
        let is_cut = self.history.front().is_some_and(|(first, _)| *first > since + 1);
        let mut later = self.history.iter().rev().take_while(|(position, _)| *position > since);
        self.all_in_doubt_at > since
            || (is_cut && self.history.len() >= HISTORY_CAPACITY)
            || later.any(|(_, subject)| subjects.contains(subject))
    }

    fn note(&mut self, subject: Subject) {
        self.position += 1;
        if self.history.len() >= HISTORY_CAPACITY {
            self.history.pop_front();
        }
        self.history.push_back((self.position, subject));
    }

    fn note_all(&mut self) {
        self.position += 1;
        self.all_in_doubt_at = self.position;
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
    /// Resolves when the session may have ended, once for each such moment.
    pub(super) async fn in_doubt(&self) {
        while !self.watch.in_doubt.swap(false, Ordering::SeqCst) {
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
    let mut upstream = Upstream::new("revocations");
    loop {
        let status = tokio::select! {
            () = &mut stopping => return,
            status = feed(&app, &mut upstream) => status,
        };
        upstream.broken(&status);
        app.revocations.doubt_all();
        tokio::select! {
            () = &mut stopping => return,
            () = upstream.pause(app.entropy.as_ref()) => {}
        }
    }
}

/// One feed, until it ends or is silent for too long.
async fn feed(app: &App, upstream: &mut Upstream) -> Status {
    let mut request = Request::new(WatchRevocationsRequest {});
    request.extensions_mut().insert(NoDeadline);
    let mut client = app.clients.sessions();
    let mut heartbeats = match timeout(OPEN_TIMEOUT, client.watch_revocations(request)).await {
        Ok(Ok(heartbeats)) => heartbeats.into_inner(),
        Ok(Err(status)) => return status,
        Err(_) => return Status::deadline_exceeded("the feed did not open in time"),
    };
    let mut is_first = true;
    let mut silences = 0;
    while silences < MAX_SILENCES {
        match timeout(SILENCE_TIMEOUT, heartbeats.message()).await {
            Ok(Ok(Some(heartbeat))) => {
                // Revocations before the feed opened, or while it was silent, may be missing.
                if is_first || silences > 0 {
                    app.revocations.doubt_all();
                }
                upstream.opened();
                is_first = false;
                silences = 0;
                app.revocations.hear(&heartbeat.revocations);
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

    fn revocation(subject: Subject) -> Revocation {
        Revocation { organization_id: subject.0.to_string(), subject_id: subject.1.to_string() }
    }

    fn subject(n: u128) -> Subject {
        (OrganizationId(Uuid::from_u128(1)), Uuid::from_u128(n))
    }

    #[test]
    fn only_streams_of_revoked_subjects_are_in_doubt() {
        let revocations = Revocations::default();
        let at = revocations.position();
        let one = revocations.register(at, vec![subject(1), subject(2)]);
        let other = revocations.register(at, vec![subject(3)]);
        revocations.hear(&[revocation(subject(2))]);
        assert!(one.in_doubt().now_or_never().is_some());
        assert!(one.in_doubt().now_or_never().is_none());
        assert!(other.in_doubt().now_or_never().is_none());
        revocations.doubt_all();
        assert!(other.in_doubt().now_or_never().is_some());
    }

    #[test]
    fn a_revocation_while_a_stream_opens_is_not_missed() {
        let revocations = Revocations::default();
        revocations.hear(&[revocation(subject(1))]);
        let before = revocations.position();
        revocations.hear(&[revocation(subject(2))]);
        let since = |at, n| revocations.register(at, vec![subject(n)]).in_doubt().now_or_never();
        assert!(since(before, 1).is_none());
        assert!(since(before, 2).is_some());
        for _ in 0..HISTORY_CAPACITY {
            revocations.hear(&[revocation(subject(3))]);
        }
        assert!(
            since(before, 2).is_some(),
            "a revocation that is no longer remembered may concern it"
        );
        assert!(since(revocations.position(), 2).is_none());
    }

    #[test]
    fn a_dropped_registration_leaves_nothing() {
        let revocations = Revocations::default();
        drop(revocations.register(0, vec![subject(1), subject(2)]));
        assert!(revocations.registry().watches.is_empty());
    }
}
