//! Listing imports.

use onethread_core::{ImportId, OrganizationId, PageSize};
use onethread_errors::Result;

use super::{App, Page, page::items_on_page};
use crate::{domain::Import, store::imports};

impl App {
    /// Lists imports older than `after`, newest first.
    ///
    /// # Errors
    ///
    /// When the database can't be read.
    pub(crate) async fn list(
        &self,
        organization: OrganizationId,
        after: Option<ImportId>,
        page: PageSize,
    ) -> Result<Page<Import, ImportId>> {
        let mut conn = self.db.reader("import.list").await?;
        let found = imports::list(&mut conn, organization, after, page.limit_plus_one()).await?;
        let mut items: Vec<_> =
            found.into_iter().map(|import| self.wait_reasons.add_to(import)).collect();
        let count = items_on_page(items.iter().map(message_bytes), page);
        let has_more = items.len() > count;
        items.truncate(count);
        let next = items.last().filter(|_| has_more).map(|import| import.id);
        Ok(Page { items, next })
    }
}

/// Bytes of an import's message, approximately.
fn message_bytes(import: &Import) -> usize {
    let columns = import.header.columns.iter().map(|column| column.name.len() * 2 + 80);
    let preview = import.preview.iter().flatten().map(|cell| cell.len() + 4);
    512 + columns.sum::<usize>() + preview.sum::<usize>()
}
