//! Reading the audit.

use onethread_core::{OrganizationId, PageSize, PageToken};
use onethread_errors::{Error, Result};
use uuid::Uuid;

use super::App;
use crate::domain::audit::AuditEntry;

impl App {
    /// A page of the audit, newest first, and the token of the next one: empty on the last.
    pub(crate) async fn audit(
        &self,
        of: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<AuditEntry>, String)> {
        let bad_token = |_| Error::invalid("/cursor", "is not a cursor of this list");
        let before: Option<Uuid> = PageToken::decode(page_token).map_err(bad_token)?;
        let (entries, more) = self.store.audit(of, before, size).await?;
        let last = entries.last().filter(|_| more);
        let next = last.map(|entry| PageToken::encode(&entry.id)).unwrap_or_default();
        Ok((entries, next))
    }
}
