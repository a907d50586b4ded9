//! Identity's contacts, as imports call them: one stream an import, its batches answered in their
//! order.

use std::time::Duration;

use futures::future::TryFutureExt;
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};
use onethread_grpc::{Peer, Unhurried};
use onethread_proto::identity::{
    ImportContactsRequest, ImportContactsResponse, ImportRow,
    contact_service_client::ContactServiceClient,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

use super::convert::{import_row, outcome};
use crate::domain::{Outcome, Row};

/// How long the answer to a batch may take, those before it included.
const PATIENCE: Duration = Duration::from_secs(60);
/// Batches that may be under way.
const QUEUE: usize = 2;

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

/// The way in for one import. Batches are committed in the order they are sent in. After an error
/// nothing is known of those without an answer, and they may be sent again.
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
    /// Sends a batch: each row with the line it stands on.
    pub(crate) async fn send(&mut self, number: i64, rows: Vec<(u64, Row)>) -> Result<()> {
        let rows = rows.into_iter().map(import_row).collect();
        self.put(number, rows, false).await
    }

    /// Asks what became of a batch; one that was not committed never will be.
    pub(crate) async fn close(&mut self, number: i64) -> Result<()> {
        self.put(number, Vec::new(), true).await
    }

    async fn put(&mut self, number: i64, rows: Vec<ImportRow>, close: bool) -> Result<()> {
        let batch = ImportContactsRequest {
            organization_id: self.organization.to_string(),
            import_id: self.import.to_string(),
            batch_number: number,
            rows,
            close,
        };
        timeout(PATIENCE, self.exchange(batch)).await.map_err(late)?
    }

    async fn exchange(&mut self, batch: ImportContactsRequest) -> Result<()> {
        let gone = |_| Error::unavailable("the stream of batches ended");
        if let Some(line) = &self.line {
            return line.batches.send(batch).map_err(gone).await;
        }
        let (batches, queue) = mpsc::channel(QUEUE);
        // It lies there before the call: a server may answer only once it has come.
        batches.send(batch).map_err(gone).await?;
        let mut request = Request::new(ReceiverStream::new(queue));
        request.extensions_mut().insert(Unhurried);
        let answers = self.client.import_contacts(request).await?.into_inner();
        self.line = Some(Line { batches, answers });
        Ok(())
    }

    /// What became of each row of the batch that was sent first of those without an answer, once
    /// that is committed. `None` when the batch is closed.
    pub(crate) async fn answer(
        &mut self,
        number: i64,
        rows: usize,
    ) -> Result<Option<Vec<Outcome>>> {
        let line = self.line.as_mut().ok_or_else(|| Error::internal("no batch was sent"))?;
        let answer = timeout(PATIENCE, line.answers.message()).await.map_err(late)??;
        let ended = || Error::unavailable("the stream of answers ended");
        let answer = answer.ok_or_else(ended)?;
        let odd = "an answer that doesn't belong to the batch";
        if answer.batch_number != number {
            return Err(Error::internal(odd));
        }
        if answer.closed {
            return Ok(None);
        }
        if answer.results.len() != rows {
            return Err(Error::internal(odd));
        }
        let outcomes = answer.results.into_iter().map(outcome);
        outcomes.collect::<Option<_>>().map(Some).ok_or_else(|| Error::internal(odd))
    }
}

fn late(_: tokio::time::error::Elapsed) -> Error {
    Error::new(Reason::DeadlineExceeded)
}
