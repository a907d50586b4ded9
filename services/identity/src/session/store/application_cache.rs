//! Applications as pages name them, cached for a second: a busy site starts its widget far more
//! often than its owner changes anything. A change by this process is effective at once, a change
//! by another process within that second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use onethread_core::ApplicationId;
use onethread_db::{Connection, Result};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{
    organization::{domain::application::Application, store::applications::ApplicationRow},
    store::is_storable,
};

/// Age at which an entry expires, from before it was read.
const LIFETIME: Duration = Duration::from_secs(1);
/// Most entries, each of which may have some 20 KiB.
const CAPACITY: usize = 500;

// The application, and whether its organization has blocked addresses.
macro_rules! select_application {
    ($rest:literal) => {
        concat!(
            "SELECT a.organization_id, a.id, o.name AS organization, a.number, a.name, a.secret,
               a.pre_chat, a.origins, a.look,
               EXISTS (SELECT 1 FROM blocked_addresses b
                 WHERE b.organization_id = o.organization_id) AS blocks
             FROM organizations o JOIN applications a ON a.organization_id = o.organization_id
             WHERE o.name = $1 AND ",
            $rest
        )
    };
}
const BY_NUMBER: &str = select_application!("a.number = $2");
const BY_ID: &str = select_application!("a.id = $2");

/// An application that a widget starts with.
#[derive(Debug)]
pub(crate) struct CachedApplication {
    pub(crate) application: Application,
    pub(crate) has_blocked_addresses: bool,
}

/// An organization's name and the number or id of an application.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ApplicationKey {
    Number(String, i64),
    Id(String, ApplicationId),
}

#[derive(onethread_db::FromRow)]
struct CachedRow {
    #[sqlx(flatten)]
    application: ApplicationRow,
    blocks: bool,
}

/// Reads an application.
pub(crate) async fn read(
    conn: &mut Connection,
    key: &ApplicationKey,
) -> Result<Option<CachedApplication>> {
    let (ApplicationKey::Number(organization, _) | ApplicationKey::Id(organization, _)) = key;
    if !is_storable(organization) {
        return Ok(None);
    }
    let select = match key {
        ApplicationKey::Number(_, number) => conn.query(BY_NUMBER).bind(organization).bind(*number),
        ApplicationKey::Id(_, id) => conn.query(BY_ID).bind(organization).bind(id.0),
    };
    let row: Option<CachedRow> = select.optional().await?;
    Ok(row.map(|row| CachedApplication {
        application: row.application.into(),
        has_blocked_addresses: row.blocks,
    }))
}

/// The cache. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ApplicationCache(Arc<Entries>);

#[derive(Debug)]
struct Entries {
    /// Number of changes by this process. Entries from before the last one have expired.
    changes: AtomicU64,
    applications: Cache<ApplicationKey, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    application: Arc<CachedApplication>,
    read: ReadTime,
}

/// When an entry was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadTime {
    at: Instant,
    changes: u64,
}

impl Default for ApplicationCache {
    fn default() -> Self {
        let applications = Cache::new(CAPACITY);
        Self(Arc::new(Entries { changes: AtomicU64::new(0), applications }))
    }
}

impl ApplicationCache {
    /// Called before an application is read.
    pub(crate) fn begin_read(&self) -> ReadTime {
        ReadTime { at: Instant::now(), changes: self.0.changes.load(Ordering::Acquire) }
    }

    /// Called after a change of an application or of its organization: all entries expire. Such
    /// changes are rare.
    pub(crate) fn clear(&self) {
        self.0.changes.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn get(&self, key: &ApplicationKey) -> Option<Arc<CachedApplication>> {
        let Entry { application, read } = self.0.applications.get(key)?;
        let now = self.begin_read();
        let is_fresh = read.changes == now.changes && now.at < read.at + LIFETIME;
        is_fresh.then_some(application)
    }

    pub(crate) fn put(
        &self,
        key: ApplicationKey,
        application: Arc<CachedApplication>,
        read: ReadTime,
    ) {
        self.0.applications.insert(key, Entry { application, read });
    }
}

#[cfg(test)]
mod tests {
    use onethread_core::OrganizationId;
    use serde_json::Map;
    use uuid::Uuid;

    use super::*;
    use crate::organization::domain::application::PreChatForm;

    fn application() -> Arc<CachedApplication> {
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
        Arc::new(CachedApplication { application, has_blocked_addresses: false })
    }

    fn key(number: i64) -> ApplicationKey {
        ApplicationKey::Number("demo".to_owned(), number)
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_expires_after_a_second_and_when_something_changes() {
        let cache = ApplicationCache::default();
        cache.put(key(1), application(), cache.begin_read());
        assert!(cache.get(&key(1)).is_some());
        assert!(cache.get(&key(2)).is_none());
        tokio::time::advance(LIFETIME).await;
        assert!(cache.get(&key(1)).is_none());

        let before = cache.begin_read();
        cache.put(key(1), application(), before);
        assert!(cache.get(&key(1)).is_some());
        cache.clear();
        assert!(cache.get(&key(1)).is_none());
        // It was read before the change.
        cache.put(key(1), application(), before);
        assert!(cache.get(&key(1)).is_none());
        cache.put(key(1), application(), cache.begin_read());
        assert!(cache.get(&key(1)).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_entries_is_bounded() {
        let cache = ApplicationCache::default();
        for number in 0..=1000 {
            cache.put(key(number), application(), cache.begin_read());
        }
        // Each shard rounds its own part up.
        let capacity = usize::try_from(cache.0.applications.capacity()).unwrap();
        assert!(cache.0.applications.len() <= capacity && capacity < 2 * CAPACITY);
    }
}
