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
    pub(crate) async fn import_batch(
        &self,
        of: OrganizationId,
        import_id: ImportId,
        number: i64,
        rows: Vec<ImportRow>,
    ) -> Result<Vec<RowResult>> {
        if rows.len() > MOST_ROWS {
            return Err(Error::invalid("/rows", "are more than 2,000"));
        }
        let batch = BatchJob { import_id, number, rows: Arc::new(rows), now: self.clock.now() };
        Ok(self.store.import_batch(of, batch, self.keys.clone()).await?)
    }
}
