//! Clears away files that are no longer needed: 30 days after an import's end, and those of
//! uploads that a crash cut off.

use std::{pin::pin, sync::Arc, time::Duration};

use futures::StreamExt;
use onethread_core::{Clock, ImportId, Timestamp};
use onethread_errors::{Error, Result};
use onethread_lifecycle::Lifecycle;
use tracing::warn;

use crate::{
    files::{Files, blocking},
    store::Store,
};

/// How long a file outlives its import.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Older than any upload under way.
const ABANDONED: Duration = Duration::from_secs(24 * 3600);
/// How often it looks.
const LOOK: Duration = Duration::from_secs(3600);

/// The one who clears away.
pub(crate) struct Sweep {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) files: Files,
}

impl Sweep {
    /// Looks every hour until the process stops.
    pub(crate) async fn run(self, life: Lifecycle) {
        loop {
            tokio::select! {
                () = life.stopping() => return,
                swept = self.round() => if let Err(error) = swept {
                    warn!(cause = error.chain(), "old files were not cleared away");
                },
            }
            tokio::select! {
                () = life.stopping() => return,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Looks once.
    pub(crate) async fn round(&self) -> Result<()> {
        let now = self.clock.now();
        loop {
            let outdated = self.store.outdated(now.minus(KEPT)).await?;
            if outdated.is_empty() {
                break;
            }
            for (organization, import) in outdated {
                self.files.remove(organization, import).await?;
                self.store.file_gone(organization, import).await?;
            }
        }
        let abandoned = move |import| began(import) < now.minus(ABANDONED);
        let mut found = pin!(self.files.all());
        while let Some(file) = found.next().await {
            let (organization, import) = file?;
            if abandoned(import)
                && self.store.revision(organization, import).await.map_err(Error::from)?.is_none()
            {
                self.files.remove(organization, import).await?;
            }
        }
        let files = self.files.clone();
        blocking(move || files.clear_drafts(abandoned)).await
    }
}

impl std::fmt::Debug for Sweep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweep").finish_non_exhaustive()
    }
}

/// When the upload began: an id begins with its time. One that doesn't is taken for new.
fn began(import: ImportId) -> Timestamp {
    let Some(at) = import.0.get_timestamp() else { return Timestamp::from_micros(i64::MAX) };
    let (seconds, nanos) = at.to_unix();
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Timestamp::from_micros(seconds.saturating_mul(1_000_000) + i64::from(nanos / 1000))
}
