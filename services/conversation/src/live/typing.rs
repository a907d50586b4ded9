//! Who types. Kept in memory alone; it ends by itself when it isn't said again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use onethread_core::{ConversationId, OrganizationId};
use tokio::time::{Instant, sleep_until};

use super::{Change, Hint, Live};
use crate::domain::Side;

/// How long it lasts unless it is said again.
const LASTS: Duration = Duration::from_secs(6);

/// People who type at once; of those beyond nobody hears.
const MOST: usize = 10_000;

/// A side of a conversation.
pub(crate) type Typist = (OrganizationId, ConversationId, Side);

/// Those who type, each until when. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Typing {
    until: Arc<Mutex<HashMap<Typist, Instant>>>,
    live: Live,
}

impl Typing {
    /// Nobody; whoever does is told to these sessions.
    pub(crate) fn new(live: Live) -> Self {
        Self { until: Arc::default(), live }
    }

    /// Somebody types, or no longer does.
    pub(crate) fn set(&self, who: Typist, typing: bool) {
        if !typing {
            if self.lock().remove(&who).is_some() {
                self.tell(who, false);
            }
            return;
        }
        let until = Instant::now() + LASTS;
        let known = {
            let mut all = self.lock();
            if all.len() >= MOST && !all.contains_key(&who) {
                return;
            }
            all.insert(who, until).is_some()
        };
        // Said again each time: somebody may have begun to listen meanwhile.
        self.tell(who, true);
        if !known {
            tokio::spawn(self.clone().expire(who, until));
        }
    }

    async fn expire(self, who: Typist, mut until: Instant) {
        loop {
            sleep_until(until).await;
            match self.lock().get(&who) {
                Some(later) if *later > until => until = *later,
                _ => break,
            }
        }
        self.set(who, false);
    }

    fn tell(&self, (organization, conversation, side): Typist, typing: bool) {
        self.live.tell(Hint::new(organization, conversation, Change::Typing { side, typing }));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Typist, Instant>> {
        self.until.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use onethread_events::{Bus, Heard, Listener};
    use tokio::time::advance;
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::*;

    async fn heard(hints: &mut Listener<Hint>) -> bool {
        match hints.next().await {
            Heard::Hint(Hint { change: Change::Typing { side: Side::Agent, typing }, .. }) => {
                typing
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_by_itself_unless_it_is_said_again() {
        let live =
            Live::new(Bus::in_process(), CancellationToken::new(), Duration::from_secs(3600));
        let mut hints = live.listen();
        let typing = Typing::new(live);
        let who = (OrganizationId(Uuid::nil()), ConversationId(Uuid::nil()), Side::Agent);
        // Nobody hears of an end without a beginning.
        typing.set(who, false);
        let begun = Instant::now();
        typing.set(who, true);
        tokio::task::yield_now().await;
        advance(LASTS / 2).await;
        typing.set(who, true);
        assert!(heard(&mut hints).await && heard(&mut hints).await);
        assert!(!heard(&mut hints).await);
        assert_eq!(begun.elapsed().as_secs(), (LASTS + LASTS / 2).as_secs());
        assert!(typing.lock().is_empty());
        // Said to be over, it is over once.
        typing.set(who, true);
        typing.set(who, false);
        assert!(heard(&mut hints).await && !heard(&mut hints).await);
        advance(LASTS * 2).await;
        assert!(hints.next().now_or_never().is_none());
    }
}
