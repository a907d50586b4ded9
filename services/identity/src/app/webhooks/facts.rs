//! What conversation tells, and what it is told to tell of.

use std::time::Duration;

use onethread_core::{AgentId, OrganizationId};
use onethread_errors::Result;
use tokio::time::{Instant, sleep};

use super::super::App;
use crate::domain::fact::Fact;

/// How long a call waits until conversation knows what is wanted; later it learns it without.
const TOLD_WAIT: Duration = Duration::from_secs(2);
/// How often it is looked meanwhile.
const LOOK: Duration = Duration::from_millis(10);

impl App {
    /// Notes what happened for the webhooks that want it.
    pub(crate) async fn record_fact(&self, of: OrganizationId, fact: Fact) -> Result<()> {
        let agent = match fact.agent() {
            // An API key is no agent, and an agent may be gone.
            Some(id) => self.store.agents(of, vec![AgentId(id)]).await?.pop(),
            None => None,
        };
        let name = agent.map(|agent| agent.name);
        Ok(self.store.tell_fact(of, fact, name, self.clock.now()).await?)
    }

    /// Waits a moment until conversation knows what is wanted, so that what happens from now on is
    /// told.
    pub(super) async fn interest_told(&self, of: OrganizationId) -> Result<()> {
        self.wake.wake();
        let until = Instant::now() + TOLD_WAIT;
        while !self.store.interest_is_told(of).await? && Instant::now() < until {
            sleep(LOOK).await;
        }
        Ok(())
    }
}
