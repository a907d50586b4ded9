//! Listing the rejected rows of an import.

use onethread_core::{ImportId, OrganizationId, PageSize};
use onethread_errors::{Error, Result};

use super::{App, Page, page::items_on_page};
use crate::{
    domain::RejectedRow,
    store::{imports, rejected_rows},
};

impl App {
    /// Lists rejected rows after the record `after`, in the order of the file.
    ///
    /// # Errors
    ///
    /// `NotFound` when there is no such import.
    pub(crate) async fn list_rejected_rows(
        &self,
        organization: OrganizationId,
        id: ImportId,
        after: u64,
        page: PageSize,
    ) -> Result<Page<RejectedRow, u64>> {
        let mut conn = self.db.reader("import.rejected").await?;
        if imports::revision(&mut conn, organization, id).await?.is_none() {
            return Err(Error::not_found());
        }
        // Sizes first: a single row may take a megabyte.
        let limit = page.limit_plus_one();
        let sizes = rejected_rows::sizes(&mut conn, organization, id, after, limit).await?;
        let count = items_on_page(sizes.iter().map(|(_, bytes)| *bytes), page);
        let Some((last, _)) = count.checked_sub(1).map(|index| sizes[index]) else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let items = rejected_rows::between(&mut conn, organization, id, after, last).await?;
        Ok(Page { items, next: (sizes.len() > count).then_some(last) })
    }
}
