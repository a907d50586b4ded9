//! Applications as pages name them, kept for a second: a busy site starts its widget far more often
//! than its owner changes anything. What this process changes counts at once, what another one
//! does after that second.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use onethread_core::ApplicationId;
use onethread_db::{Result, on};
use sqlx::query_as;
use tokio::time::Instant;

use super::{Store, rows::OpeningRow, sql, storable};
use crate::domain::application::Application;

/// How long one is kept, from before it was read.
const LIFE: Duration = Duration::from_secs(1);

/// Applications kept, each of which may be some 20 KiB.
const ROOM: usize = 500;

/// An application at which a widget starts.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) application: Application,
    /// The organization has blocked addresses.
    pub(crate) blocks: bool,
}

/// An application of an organization, in one of two spellings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Named {
    Number(String, i64),
    Id(String, ApplicationId),
}

/// Those that are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Openings(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    /// Counts what this process changed: what was read before that is not kept.
    changes: u64,
    found: HashMap<Named, (Instant, Arc<Opening>)>,
}

impl Openings {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("no holder panics")
    }

    /// Something of an organization has changed, which seldom happens: all are read anew.
    pub(super) fn forget(&self) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.found.clear();
    }

    fn get(&self, name: &Named) -> Option<Arc<Opening>> {
        let kept = self.kept();
        let (until, found) = kept.found.get(name)?;
        (*until > Instant::now()).then(|| found.clone())
    }

    fn put(&self, name: Named, found: &Arc<Opening>, read: Instant, changes: u64) {
        let mut kept = self.kept();
        if kept.changes != changes {
            return;
        }
        if kept.found.len() >= ROOM {
            kept.found.clear();
        }
        kept.found.insert(name, (read + LIFE, found.clone()));
    }
}

impl Store {
    /// The application that is named, if it was read a moment ago.
    pub(crate) fn kept_opening(&self, name: &Named) -> Option<Arc<Opening>> {
        self.openings.get(name)
    }

    /// Reads the application that is named.
    pub(crate) async fn opening(&self, name: Named) -> Result<Option<Arc<Opening>>> {
        let (Named::Number(organization, _) | Named::Id(organization, _)) = &name;
        if !storable(organization) {
            return Ok(None);
        }
        let (now, changes) = (Instant::now(), self.openings.kept().changes);
        let wanted = name.clone();
        let row: Option<OpeningRow> = self
            .db
            .read("application.open", move |mut conn| {
                Box::pin(async move {
                    Ok(match wanted {
                        Named::Number(organization, number) => {
                            on!(&mut conn, |c| query_as(sql::OPENING_BY_NUMBER)
                                .bind(organization)
                                .bind(number)
                                .fetch_optional(&mut **c)
                                .await)
                        }
                        Named::Id(organization, id) => {
                            on!(&mut conn, |c| query_as(sql::OPENING_BY_APP_ID)
                                .bind(organization)
                                .bind(id.0)
                                .fetch_optional(&mut **c)
                                .await)
                        }
                    }?)
                })
            })
            .await?;
        let Some(row) = row else { return Ok(None) };
        let found = Arc::new(Opening { application: row.application.into(), blocks: row.blocks });
        self.openings.put(name, &found, now, changes);
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::OrganizationId;
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;
    use crate::domain::application::PreChatForm;

    fn opening() -> Arc<Opening> {
        let application = Application {
            organization_id: OrganizationId(Uuid::nil()),
            id: ApplicationId(Uuid::nil()),
            organization: "demo".to_owned(),
            number: 1,
            secret: "s".to_owned(),
            name: "demo".to_owned(),
            form: PreChatForm::default(),
            origins: Vec::new(),
            look: Map::new(),
        };
        Arc::new(Opening { application, blocks: false })
    }

    fn named(number: i64) -> Named {
        Named::Number("demo".to_owned(), number)
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_kept_for_a_second_and_until_something_changes() {
        let openings = Openings::default();
        openings.put(named(1), &opening(), Instant::now(), 0);
        assert!(openings.get(&named(1)).is_some());
        assert!(openings.get(&named(2)).is_none());
        tokio::time::advance(LIFE).await;
        assert!(openings.get(&named(1)).is_none());

        openings.put(named(1), &opening(), Instant::now(), 0);
        openings.forget();
        assert!(openings.get(&named(1)).is_none());
        // It was read before the change.
        openings.put(named(1), &opening(), Instant::now(), 0);
        assert!(openings.get(&named(1)).is_none());
        openings.put(named(1), &opening(), Instant::now(), 1);
        assert!(openings.get(&named(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_bounded() {
        let openings = Openings::default();
        for number in 0..=1000 {
            openings.put(named(number), &opening(), Instant::now(), 0);
        }
        assert!(openings.kept().found.len() <= ROOM);
    }
}
