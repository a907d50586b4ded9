//! Watching an import.

use std::time::Duration;

use futures::Stream;
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::{domain::Import, store::imports};

/// Interval at which a change is looked for: a stream has at most four a second.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

impl App {
    /// The import now and after each change. Ends when the import is final.
    ///
    /// # Errors
    ///
    /// `NotFound`; in the stream, `Unavailable` when the process stops.
    pub(crate) async fn watch(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> Result<impl Stream<Item = Result<Import>> + Send + use<>> {
        let app = self.clone();
        // Read before the import: a change between the two is sent twice rather than missed.
        let mut known = self.revision(organization, id).await?;
        let mut import = self.get(organization, id).await?;
        Ok(async_stream::try_stream! {
            loop {
                let is_final = import.is_final();
                yield import;
                if is_final {
                    break;
                }
                import = loop {
                    let stopping = app.stopping.cancelled();
                    if tokio::time::timeout(POLL_INTERVAL, stopping).await.is_ok() {
                        // The import continues elsewhere; a stream that just ended would mean
                        // that the import had ended.
                        Err(Error::new(Reason::Unavailable))?;
                    }
                    let revision = app.revision(organization, id).await?;
                    if revision != known {
                        known = revision;
                        break app.get(organization, id).await?;
                    }
                };
            }
        })
    }

    async fn revision(&self, organization: OrganizationId, id: ImportId) -> Result<Option<i64>> {
        let mut conn = self.db.reader("import.revision").await?;
        Ok(imports::revision(&mut conn, organization, id).await?)
    }
}
