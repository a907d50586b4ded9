//! Typing indicators. They are kept in memory only, and expire unless they are repeated.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use onethread_core::{ConversationId, OrganizationId};
use tokio::time::{Instant, sleep_until};

use super::{Hint, Live};
use crate::domain::{HintKind, Side};

/// How long an indicator lasts unless it is repeated.
const TYPING_TIMEOUT: Duration = Duration::from_secs(6);

/// Indicators at the same time; more are ignored.
const MAX_INDICATORS: usize = 10_000;

/// A side of a conversation.
type TypingKey = (OrganizationId, ConversationId, Side);

/// Typing indicators, each with the time when it expires. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Typing {
    expiry: Arc<Mutex<HashMap<TypingKey, Instant>>>,
    live: Live,
}

impl Typing {
    pub(crate) fn new(live: Live) -> Self {
        Self { expiry: Arc::default(), live }
    }

    /// A side started or stopped typing.
    pub(crate) fn set(&self, key: TypingKey, is_typing: bool) {
        if !is_typing {
            if self.lock().remove(&key).is_some() {
                self.publish(key, false);
            }
            return;
        }
        let expires_at = Instant::now() + TYPING_TIMEOUT;
        let is_known = {
            let mut expiry = self.lock();
            if expiry.len() >= MAX_INDICATORS && !expiry.contains_key(&key) {
                return;
            }
            expiry.insert(key, expires_at).is_some()
        };
        // Published each time: a reader may have subscribed meanwhile.
        self.publish(key, true);
        if !is_known {
            tokio::spawn(self.clone().expire(key, expires_at));
        }
    }

    async fn expire(self, key: TypingKey, mut expires_at: Instant) {
        loop {
            sleep_until(expires_at).await;
            match self.lock().get(&key) {
                Some(later) if *later > expires_at => expires_at = *later,
                _ => break,
            }
        }
        self.set(key, false);
    }

    fn publish(&self, (organization, conversation, side): TypingKey, is_typing: bool) {
        let kind = HintKind::Typing { side, is_typing };
        self.live.publish(Hint::new(organization, conversation, kind));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TypingKey, Instant>> {
        self.expiry.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use onethread_events::{Bus, BusEvent, Listener};
    use tokio::time::advance;
    use tokio_util::sync::CancellationToken;
    use uuid::Uuid;

    use super::*;

    async fn next(hints: &mut Listener<Hint>) -> bool {
        match hints.next().await {
            BusEvent::Hint(Hint {
                kind: HintKind::Typing { side: Side::Agent, is_typing },
                ..
            }) => is_typing,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_indicator_expires_unless_it_is_repeated() {
        let live =
            Live::new(Bus::in_process(), CancellationToken::new(), Duration::from_secs(3600));
        let mut hints = live.listen();
        let typing = Typing::new(live);
        let key = (OrganizationId(Uuid::nil()), ConversationId(Uuid::nil()), Side::Agent);
        // Nothing is published for an indicator that was not set.
        typing.set(key, false);
        let started = Instant::now();
        typing.set(key, true);
        tokio::task::yield_now().await;
        advance(TYPING_TIMEOUT / 2).await;
        typing.set(key, true);
        assert!(next(&mut hints).await && next(&mut hints).await);
        assert!(!next(&mut hints).await);
        assert_eq!(started.elapsed().as_secs(), (TYPING_TIMEOUT + TYPING_TIMEOUT / 2).as_secs());
        assert!(typing.lock().is_empty());
        // Removed, it doesn't expire again.
        typing.set(key, true);
        typing.set(key, false);
        assert!(next(&mut hints).await && !next(&mut hints).await);
        advance(TYPING_TIMEOUT * 2).await;
        assert!(hints.next().now_or_never().is_none());
    }
}
