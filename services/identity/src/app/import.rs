//! Rows of imported files.

use std::sync::Arc;

use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Result};

use super::App;
use crate::{
    domain::import::{ImportRow, LookedAt, RowResult, look_at},
    store::BatchJob,
};

/// The most rows of a batch.
const MOST_ROWS: usize = 2000;

/// Rows of a batch that were looked at.
#[derive(Debug)]
pub(crate) struct ImportRows(Vec<LookedAt>);

impl ImportRows {
    /// Looks at each of them.
    pub(crate) fn check(rows: impl ExactSizeIterator<Item = ImportRow>) -> Result<Self> {
        if rows.len() > MOST_ROWS {
            return Err(Error::invalid("/rows", "are more than 2,000"));
        }
        Ok(Self(rows.map(look_at).collect()))
    }
}

impl App {
    /// What became of a batch; without rows, of one that may have been committed before. `None`:
    /// it is closed.
    pub(crate) async fn import_batch(
        &self,
        of: OrganizationId,
        import_id: ImportId,
        number: i64,
        rows: Option<ImportRows>,
    ) -> Result<Option<Vec<RowResult>>> {
        let rows = rows.map(|ImportRows(rows)| Arc::new(rows));
        let batch = BatchJob { import_id, number, rows, now: self.clock.now() };
        Ok(self.store.import_batch(of, batch, self.keys.clone()).await?)
    }
}
