//! Rows that the database itself won't have, although they passed every check: each is found by
//! trials that are taken back, so that it is set aside alone and not a batch with it.

use std::{ops::Range, sync::Arc};

use onethread_core::OrganizationId;
use onethread_db::{Error, Result};

use super::{BatchJob, Store, imports::patiently};
use crate::domain::{import::LookedAt, keys::ServerKeys};

impl Store {
    /// Where in the batch they stand.
    pub(super) async fn poisoned(
        &self,
        of: OrganizationId,
        batch: &BatchJob,
        rows: &Arc<Vec<LookedAt>>,
        keys: &Arc<ServerKeys>,
    ) -> Result<Vec<usize>> {
        let mut found = Vec::new();
        let whole = 0..rows.len();
        let mut parts = vec![whole];
        while let Some(part) = parts.pop() {
            if self.can_be_stored(of, batch, rows, part.clone(), keys).await? {
                continue;
            }
            if part.len() == 1 {
                found.push(part.start);
                continue;
            }
            let middle = part.start + part.len() / 2;
            parts.extend([part.start..middle, middle..part.end]);
        }
        Ok(found)
    }

    async fn can_be_stored(
        &self,
        of: OrganizationId,
        batch: &BatchJob,
        rows: &Arc<Vec<LookedAt>>,
        part: Range<usize>,
        keys: &Arc<ServerKeys>,
    ) -> Result<bool> {
        let (store, rows, keys, job) = (self.clone(), rows.clone(), keys.clone(), batch.clone());
        let tried = self.db.write_batch("contact.import.trial", move |mut conn| {
            Box::pin(async move {
                patiently(&mut conn).await?;
                store.write_rows(&mut conn, of, &job, &rows[part], &[], &keys).await?;
                // An error takes it back; this one stands for none.
                Err::<(), _>(Error::Conflict)
            })
        });
        match tried.await {
            Ok(()) | Err(Error::Conflict) => Ok(true),
            Err(error) if error.is_of_the_data() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
