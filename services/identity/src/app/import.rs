//! Rows of imported files.

use std::sync::Arc;

use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Result};

use super::App;
use crate::{
    domain::import::{ImportRow, RowResult},
    store::BatchJob,
};

/// The most rows of a batch.
const MOST_ROWS: usize = 2000;

impl App {
    /// What became of a batch; without rows, of one that may have been committed before. `None`:
    /// it is closed.
    pub(crate) async fn import_batch(
        &self,
        of: OrganizationId,
        import_id: ImportId,
        number: i64,
        rows: Option<Vec<ImportRow>>,
    ) -> Result<Option<Vec<RowResult>>> {
        if rows.as_ref().is_some_and(|rows| rows.len() > MOST_ROWS) {
            return Err(Error::invalid("/rows", "are more than 2,000"));
        }
        let batch = BatchJob { import_id, number, rows: rows.map(Arc::new), now: self.clock.now() };
        Ok(self.store.import_batch(of, batch, self.keys.clone()).await?)
    }
}
