//! Claiming the next import.

use onethread_core::OrganizationId;
use onethread_db::transaction;
use onethread_errors::Result;

use super::{Jobs, LEASE_DURATION};
use crate::{domain::Job, store::jobs};

impl Jobs {
    /// Claims an import, if one is due. Organizations take turns.
    ///
    /// # Errors
    ///
    /// When the database can't be used.
    pub(crate) async fn claim(&self) -> Result<Option<Job>> {
        let now = self.clock.now();
        // Workers poll, so an empty queue must not cost a write transaction.
        if !jobs::is_due(&mut self.db.reader("import.due").await?, now).await? {
            return Ok(None);
        }
        transaction!(self.db, "import.claim", |tx| {
            jobs::lock_turns(tx).await?;
            let job = jobs::claim(tx, now, now.plus(LEASE_DURATION)).await?;
            if let Some(job) = &job {
                jobs::take_turn(tx, job.lease.organization).await?;
            }
            Ok(job)
        })
    }

    /// True when an import of another organization is due.
    ///
    /// # Errors
    ///
    /// When the database can't be read.
    pub(crate) async fn others_wait(&self, organization: OrganizationId) -> Result<bool> {
        let mut conn = self.db.reader("import.others_due").await?;
        Ok(jobs::is_due_for_others(&mut conn, organization, self.clock.now()).await?)
    }

    /// Counts the imports that wait or are worked on, by the name of their state.
    ///
    /// # Errors
    ///
    /// When the database can't be read.
    pub(crate) async fn count_by_state(&self) -> Result<Vec<(String, i64)>> {
        let mut conn = self.db.reader("import.measure").await?;
        Ok(jobs::count_by_state(&mut conn).await?)
    }
}
