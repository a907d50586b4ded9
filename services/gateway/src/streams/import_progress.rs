//! Progress of an organization's imports, for its agents' streams: one poll a second for each
//! organization that is followed on this gateway, however many streams follow it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use onethread_core::OrganizationId;
use onethread_proto::contactimport::{Import, ListImportsRequest};
use tokio::{
    sync::broadcast::{Receiver, Sender},
    time::{MissedTickBehavior, interval},
};
use tracing::Instrument;

use crate::app::App;

/// Interval at which the imports are listed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The newest imports, which are followed: older ones have ended.
const NEWEST_IMPORTS: i32 = 20;

/// Changes that are queued for a slow stream. It loses older ones.
const QUEUE_CAPACITY: usize = 64;

/// The organizations whose imports are followed.
#[derive(Debug, Default)]
pub(crate) struct Imports(Mutex<HashMap<OrganizationId, Sender<Arc<Import>>>>);

/// Follows an organization's imports from now on.
pub(super) fn subscribe(app: &Arc<App>, organization: OrganizationId) -> Receiver<Arc<Import>> {
    let mut followed = app.import_progress.0.lock().expect("no holder panics");
    if let Some(changes) = followed.get(&organization) {
        return changes.subscribe();
    }
    let (changes, receiver) = tokio::sync::broadcast::channel(QUEUE_CAPACITY);
    followed.insert(organization, changes.clone());
    tokio::spawn(poll(app.clone(), organization, changes));
    receiver
}

/// Polls until no stream follows the imports, or the process stops.
async fn poll(app: Arc<App>, organization: OrganizationId, changes: Sender<Arc<Import>>) {
    let mut earlier: Option<HashMap<String, Import>> = None;
    let mut ticks = interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.life.stopping() => return,
            _ = ticks.tick() => {}
        }
        if stop_if_unused(&app, organization, &changes) {
            return;
        }
        let request = ListImportsRequest {
            organization_id: organization.to_string(),
            page_size: NEWEST_IMPORTS,
            page_token: String::new(),
        };
        let mut client = app.clients.imports();
        let answer = client.list_imports(request).instrument(onethread_telemetry::untraced());
        // While the service can't answer, nothing progresses.
        let Ok(answer) = answer.await else { continue };
        let imports = answer.into_inner().imports.into_iter();
        let now: HashMap<_, _> = imports.map(|import| (import.id.clone(), import)).collect();
        // Clients fetch the state at the beginning themselves.
        if let Some(earlier) = &earlier {
            for import in now.values().filter(|import| earlier.get(&import.id) != Some(import)) {
                // An error means that no stream is left, which the next poll finds.
                let _ = changes.send(Arc::new(import.clone()));
            }
        }
        earlier = Some(now);
    }
}

/// Ends polling if no stream follows the imports. Under the lock, so that no new stream is lost.
fn stop_if_unused(app: &App, organization: OrganizationId, changes: &Sender<Arc<Import>>) -> bool {
    let mut followed = app.import_progress.0.lock().expect("no holder panics");
    let is_unused = changes.receiver_count() == 0;
    if is_unused {
        followed.remove(&organization);
    }
    is_unused
}
