//! Lists of imports and of rejected rows. A page ends early where its messages would grow too
//! large to send.

use onethread_core::{ImportId, OrganizationId, PageSize};
use onethread_errors::Result;

use super::App;
use crate::domain::{Import, RejectedRow};

/// Bytes of a page, about; a single item may take more.
const PAGE_BYTES: usize = 1024 * 1024;

/// Some items, and the key to go on from.
#[derive(Debug)]
pub(crate) struct Page<T, K> {
    pub(crate) items: Vec<T>,
    /// `None` on the last page.
    pub(crate) next: Option<K>,
}

impl App {
    /// Imports behind `after`, newest first.
    pub(crate) async fn list(
        &self,
        organization: OrganizationId,
        after: Option<ImportId>,
        size: PageSize,
    ) -> Result<Page<Import, ImportId>> {
        let items = self.store.list(organization, after, size.limit_and_one()).await?;
        let mut items: Vec<_> =
            items.into_iter().map(|import| self.waiting.shown(import)).collect();
        let mut bytes = 0;
        let fits = items.iter().take(size.rows()).take_while(|import| {
            let fits = bytes < PAGE_BYTES;
            bytes += weight(import);
            fits
        });
        let fits = fits.count();
        let more = items.len() > fits;
        items.truncate(fits);
        let next = items.last().filter(|_| more).map(|import| import.id);
        Ok(Page { items, next })
    }

    /// Rejected rows behind the record `after`, in the order of the file.
    pub(crate) async fn rejected(
        &self,
        organization: OrganizationId,
        id: ImportId,
        after: u64,
        size: PageSize,
    ) -> Result<Page<RejectedRow, u64>> {
        if self.store.revision(organization, id).await?.is_none() {
            return Err(onethread_errors::Error::not_found());
        }
        let page = self.store.rejected(organization, id, after, size.rows(), PAGE_BYTES).await?;
        let next = page.rows.last().filter(|_| page.more).map(|row| row.record);
        Ok(Page { items: page.rows, next })
    }
}

/// Bytes that an import takes in a message, about.
fn weight(import: &Import) -> usize {
    let columns = import.header.columns.iter().map(|column| column.name.len() * 2 + 80);
    let preview = import.preview.iter().flatten().map(|cell| cell.len() + 4);
    512 + columns.sum::<usize>() + preview.sum::<usize>()
}
