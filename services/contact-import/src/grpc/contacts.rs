//! Identity's contacts, as imports call them: one stream an import, each batch answered before the
//! next goes out.

use std::time::Duration;

use futures::future::TryFutureExt;
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};
use onethread_grpc::{Peer, Unhurried};
use onethread_proto::identity::{
    ImportContactsRequest, ImportContactsResponse, contact_service_client::ContactServiceClient,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

use super::convert::{import_row, outcome};
use crate::domain::{Outcome, Row};

/// How long the answer to a batch may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The contacts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Contacts(pub(crate) Peer);

impl Contacts {
    /// The way in for one import; opened with its first batch.
    pub(crate) fn import(&self, organization: OrganizationId, import: ImportId) -> ContactsImport {
        let client = ContactServiceClient::new(self.0.clone());
        ContactsImport { client, organization, import, line: None }
    }
}

/// The way in for one import.
#[derive(Debug)]
pub(crate) struct ContactsImport {
    client: ContactServiceClient<Peer>,
    organization: OrganizationId,
    import: ImportId,
    line: Option<Line>,
}

/// An open stream.
#[derive(Debug)]
struct Line {
    batches: mpsc::Sender<ImportContactsRequest>,
    answers: Streaming<ImportContactsResponse>,
}

impl ContactsImport {
    /// Sends a batch: each row with the line it stands on. Returns what became of each, once that
    /// is committed. After an error nothing is known, and the same batch may be sent again.
    pub(crate) async fn send(
        &mut self,
        number: i64,
        rows: Vec<(u64, Row)>,
    ) -> Result<Vec<Outcome>> {
        let count = rows.len();
        let batch = ImportContactsRequest {
            organization_id: self.organization.to_string(),
            import_id: self.import.to_string(),
            batch_number: number,
            rows: rows.into_iter().map(import_row).collect(),
        };
        let late = |_| Error::new(Reason::DeadlineExceeded);
        let answer = timeout(PATIENCE, self.exchange(batch)).await.map_err(late)??;
        let odd = "an answer that doesn't belong to the batch";
        if answer.batch_number != number || answer.results.len() != count {
            return Err(Error::internal(odd));
        }
        let outcomes = answer.results.into_iter().map(outcome);
        outcomes.collect::<Option<_>>().ok_or_else(|| Error::internal(odd))
    }

    async fn exchange(&mut self, batch: ImportContactsRequest) -> Result<ImportContactsResponse> {
        let gone = |_| Error::unavailable("the stream of batches ended");
        let line = match &mut self.line {
            Some(line) => {
                line.batches.send(batch).map_err(gone).await?;
                line
            }
            None => {
                let (batches, queue) = mpsc::channel(1);
                // It lies there before the call: a server may answer only once it has come.
                batches.send(batch).map_err(gone).await?;
                let mut request = Request::new(ReceiverStream::new(queue));
                request.extensions_mut().insert(Unhurried);
                let answers = self.client.import_contacts(request).await?.into_inner();
                self.line.insert(Line { batches, answers })
            }
        };
        let answer = line.answers.message().await?;
        answer.ok_or_else(|| Error::unavailable("the stream of answers ended"))
    }
}
