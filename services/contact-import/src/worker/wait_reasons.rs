//! Wait reasons that could not be stored: it may be the database's disk that is full.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use onethread_core::ImportId;

use crate::domain::{Import, WaitReason};

/// Most imports: this informs people and nothing depends on it.
const MAX_IMPORTS: usize = 64;

/// Wait reasons of imports that this process works on. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct WaitReasons(Arc<Mutex<HashMap<ImportId, WaitReason>>>);

impl WaitReasons {
    pub(super) fn set(&self, import: ImportId, reason: WaitReason) {
        let mut reasons = self.0.lock().expect("no code panics with the lock");
        if reasons.len() >= MAX_IMPORTS {
            reasons.clear();
        }
        reasons.insert(import, reason);
    }

    /// Removes an import that no longer waits.
    pub(super) fn clear(&self, import: ImportId) {
        self.0.lock().expect("no code panics with the lock").remove(&import);
    }

    /// The import with its wait reason as its error.
    pub(crate) fn add_to(&self, mut import: Import) -> Import {
        if import.error.is_none() && !import.state.is_final() {
            let reasons = self.0.lock().expect("no code panics with the lock");
            import.error = reasons.get(&import.id).map(|reason| reason.message().to_owned());
        }
        import
    }
}
