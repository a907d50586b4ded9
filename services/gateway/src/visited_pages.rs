//! The page that each person is on, as this process last reported it to identity. A single-page app
//! changes it without an `init`, so messages, events and changes of the profile carry it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use onethread_core::{ContactId, DeviceId, OrganizationId};
use onethread_proto::identity::{RecordVisitRequest, WebPage};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{app::App, authentication::WidgetCaller};

/// Devices whose pages are known. Of others the page is recorded once more.
const CAPACITY: usize = 10_000;

/// Time after which a page is recorded again: the person may have been elsewhere meanwhile, on
/// another device or through another gateway.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The last recorded page of each device, as its hash.
#[derive(Debug)]
pub(crate) struct VisitedPages(Cache<(OrganizationId, ContactId, DeviceId), (u64, Instant)>);

impl Default for VisitedPages {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl VisitedPages {
    /// Records the page on which the caller did something, unless it was the last one.
    ///
    /// What the caller did counts without it, so a failure is only logged.
    pub(crate) async fn record(&self, app: &App, caller: &WidgetCaller, page: Option<WebPage>) {
        let Some(page) = page.filter(|page| caller.is_stored && !page.url.is_empty()) else {
            return;
        };
        let device = (caller.organization, caller.contact, caller.device);
        let hash = hash(&page);
        let is_known = |(known, at): (u64, Instant)| known == hash && at.elapsed() < MAX_AGE;
        if self.0.get(&device).is_some_and(is_known) {
            return;
        }
        let request = RecordVisitRequest { token: caller.token.clone(), page: Some(page) };
        match app.clients.visitors().record_visit(request).await {
            Ok(_) => self.0.insert(device, (hash, Instant::now())),
            Err(status) => tracing::warn!(code = ?status.code(), "the visited page was not stored"),
        }
    }
}

fn hash(page: &WebPage) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&page.url, &page.title, &page.referrer).hash(&mut hasher);
    hasher.finish()
}
