//! What imports wait for, as far as it could not be stored: the database itself may be what is full.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use onethread_core::ImportId;

use crate::domain::Import;

/// Imports that are remembered: a reminder for those who look, no record.
const MOST: usize = 64;

/// What imports that this process works on wait for. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<HashMap<ImportId, &'static str>>>);

impl Waiting {
    pub(super) fn note(&self, import: ImportId, what: &'static str) {
        let mut waiting = self.0.lock().expect("no holder panics");
        if waiting.len() >= MOST {
            waiting.clear();
        }
        waiting.insert(import, what);
    }

    /// It waits no longer.
    pub(super) fn over(&self, import: ImportId) {
        self.0.lock().expect("no holder panics").remove(&import);
    }

    /// The import with what it waits for.
    pub(crate) fn shown(&self, mut import: Import) -> Import {
        if import.error.is_none() && !import.state.has_ended() {
            let waiting = self.0.lock().expect("no holder panics");
            import.error = waiting.get(&import.id).map(|what| (*what).to_owned());
        }
        import
    }
}
