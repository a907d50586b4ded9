//! The audit log, as owners read it.

use onethread_core::{OrganizationId, PageSize};
use onethread_errors::Result;
use uuid::Uuid;

use crate::{
    app::{
        App,
        page::{next_page_token, page_start},
    },
    organization::{domain::audit::AuditEntry, store::audit},
};

impl App {
    /// A page of the audit log, newest first, and the token of the next one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid page token.
    pub(crate) async fn audit(
        &self,
        organization: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<AuditEntry>, String)> {
        let before = page_start(page_token)?.unwrap_or(Uuid::max());
        let mut conn = self.db.reader("audit.page").await?;
        let mut page = audit::page(&mut conn, organization, before, size).await?;
        let next = next_page_token(&mut page, size, |entry| entry.id);
        Ok((page, next))
    }
}
