//! Following an import.

use std::time::Duration;

use futures::Stream;
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::domain::Import;

/// How often it looks: at most four changes a second are told.
const LOOK: Duration = Duration::from_millis(250);

impl App {
    /// The import now and after each change; ends with the import, or when the process stops.
    pub(crate) async fn watch(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> Result<impl Stream<Item = Result<Import>> + Send + use<>> {
        let app = self.clone();
        // Asked for before the import: a change between the two is told twice, never missed.
        let mut known = self.store.revision(organization, id).await?;
        let mut import = self.get(organization, id).await?;
        Ok(async_stream::try_stream! {
            loop {
                let ended = import.is_over();
                yield import;
                if ended {
                    break;
                }
                import = loop {
                    let stopping = app.stopping.cancelled();
                    if tokio::time::timeout(LOOK, stopping).await.is_ok() {
                        // The import goes on elsewhere; to end in silence would say it had ended.
                        Err(Error::new(Reason::Unavailable))?;
                    }
                    let revision = app.store.revision(organization, id).await?;
                    if revision != known {
                        known = revision;
                        break app.get(organization, id).await?;
                    }
                };
            }
        })
    }
}
