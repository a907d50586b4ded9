//! What follows from a change after its commit.

use onethread_core::OrganizationId;

use super::App;
use crate::{domain::Effects, live::Hint};

impl App {
    /// Publishes the hints to live readers, and wakes the relay for the deliveries. The change has
    /// to be committed.
    pub(super) fn publish(&self, organization: OrganizationId, effects: Effects) {
        if !effects.deliveries.is_empty() {
            self.wake.wake();
        }
        for (conversation, kind) in effects.hints {
            self.live.publish(Hint::new(organization, conversation, kind));
        }
    }
}
