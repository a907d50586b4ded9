//! Progress of an organization's imports, for its agents' streams: one look a second for each
//! organization that somebody of this gateway follows, however many they are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use onethread_proto::contactimport::{Import, ListImportsRequest};
use tokio::{
    sync::broadcast::{Receiver, Sender},
    time::{MissedTickBehavior, interval},
};

use crate::app::App;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(1);

/// The newest imports are followed: none but those move.
const NEWEST: i32 = 20;

/// Changes that wait for a slow reader; of those before it hears nothing.
const KEPT: usize = 64;

/// Who follows the imports of which organization.
#[derive(Debug, Default)]
pub(crate) struct Imports(Mutex<HashMap<String, Sender<Arc<Import>>>>);

/// Follows an organization's imports from now on.
pub(super) fn subscribe(app: &Arc<App>, organization: &str) -> Receiver<Arc<Import>> {
    let mut followed = app.import_progress.0.lock().expect("no holder panics");
    if let Some(changes) = followed.get(organization) {
        return changes.subscribe();
    }
    let (changes, receiver) = tokio::sync::broadcast::channel(KEPT);
    followed.insert(organization.to_owned(), changes.clone());
    tokio::spawn(look(app.clone(), organization.to_owned(), changes));
    receiver
}

/// Looks until nobody follows any more, or the process stops.
async fn look(app: Arc<App>, organization: String, changes: Sender<Arc<Import>>) {
    let mut known: Option<HashMap<String, Import>> = None;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.life.stopping() => return,
            _ = ticks.tick() => {}
        }
        if over(&app, &organization, &changes) {
            return;
        }
        let request = ListImportsRequest {
            organization_id: organization.clone(),
            page_size: NEWEST,
            page_token: String::new(),
        };
        // While the service is away nothing moves.
        let Ok(answer) = app.imports().list_imports(request).await else { continue };
        let now = answer.into_inner().imports.into_iter();
        let now: HashMap<_, _> = now.map(|import| (import.id.clone(), import)).collect();
        // Where they stood at the beginning is fetched, not told.
        if let Some(known) = &known {
            for import in now.values().filter(|import| known.get(&import.id) != Some(import)) {
                // Nobody may be left, which the next look finds.
                let _ = changes.send(Arc::new(import.clone()));
            }
        }
        known = Some(now);
    }
}

fn over(app: &App, organization: &str, changes: &Sender<Arc<Import>>) -> bool {
    let mut followed = app.import_progress.0.lock().expect("no holder panics");
    let over = changes.receiver_count() == 0;
    if over {
        followed.remove(organization);
    }
    over
}
