//! Client of identity's contacts: one stream per import, whose batches are answered in order.

use std::time::Duration;

use futures::future::TryFutureExt;
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};
use onethread_grpc::{NoDeadline, Peer};
use onethread_proto::identity::{
    ImportContactsRequest, ImportContactsResponse, ImportOutcome, ImportRow, ImportRowResult,
    contact_import_service_client::ContactImportServiceClient,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Streaming};

use crate::domain::{Outcome, Row};

/// Longest wait for the answer to a batch, including those before it.
const BATCH_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for the end of a stream without open batches.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);
/// Most batches in flight.
pub(crate) const MAX_IN_FLIGHT: usize = 2;

/// Identity's contacts. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ContactsClient(pub(crate) Peer);

impl ContactsClient {
    /// The stream of one import; it is opened with the first batch.
    pub(crate) fn import(&self, organization: OrganizationId, import: ImportId) -> ImportStream {
        let client = ContactImportServiceClient::new(self.0.clone());
        ImportStream { client, organization, import, open: None }
    }
}

/// The stream of one import. Batches are committed in the order in which they are sent. After an
/// error, batches without an answer may or may not be committed, and may be sent again.
#[derive(Debug)]
pub(crate) struct ImportStream {
    client: ContactImportServiceClient<Peer>,
    organization: OrganizationId,
    import: ImportId,
    open: Option<OpenStream>,
}

/// An open stream.
#[derive(Debug)]
struct OpenStream {
    batches: mpsc::Sender<ImportContactsRequest>,
    answers: Streaming<ImportContactsResponse>,
}

impl ImportStream {
    /// Sends a batch: its rows, each with its line.
    pub(crate) async fn send(&mut self, number: i64, rows: Vec<(u64, Row)>) -> Result<()> {
        let rows = rows.into_iter().map(row_message).collect();
        self.send_request(number, rows, false).await
    }

    /// Asks for the outcome of a batch, and prevents its commit if that has not happened yet.
    pub(crate) async fn close(&mut self, number: i64) -> Result<()> {
        self.send_request(number, Vec::new(), true).await
    }

    async fn send_request(&mut self, number: i64, rows: Vec<ImportRow>, close: bool) -> Result<()> {
        let batch = ImportContactsRequest {
            organization_id: self.organization.to_string(),
            import_id: self.import.to_string(),
            batch_number: number,
            rows,
            close,
        };
        timeout(BATCH_TIMEOUT, self.enqueue(batch)).await.map_err(timed_out)?
    }

    async fn enqueue(&mut self, batch: ImportContactsRequest) -> Result<()> {
        let ended = |_| Error::unavailable("the stream of batches ended");
        if let Some(open) = &self.open {
            return open.batches.send(batch).map_err(ended).await;
        }
        let (batches, queue) = mpsc::channel(MAX_IN_FLIGHT);
        // Before the call, since a server may answer only after the first batch.
        batches.send(batch).map_err(ended).await?;
        let mut request = Request::new(ReceiverStream::new(queue));
        request.extensions_mut().insert(NoDeadline);
        let answers = self.client.import_contacts(request).await?.into_inner();
        self.open = Some(OpenStream { batches, answers });
        Ok(())
    }

    /// Ends the stream. Without this, its call would count as canceled.
    pub(crate) async fn finish(self) {
        let Some(OpenStream { batches, mut answers }) = self.open else { return };
        drop(batches);
        // The outcome of every batch is known, so an error here changes nothing.
        let _ = timeout(FINISH_TIMEOUT, answers.message()).await;
    }

    /// The outcome of each row of the first batch without an answer, once it is committed. `None`
    /// when the batch was closed instead.
    pub(crate) async fn answer(
        &mut self,
        number: i64,
        rows: usize,
    ) -> Result<Option<Vec<Outcome>>> {
        let open = self.open.as_mut().ok_or_else(|| Error::internal("no batch was sent"))?;
        let answer = timeout(BATCH_TIMEOUT, open.answers.message()).await.map_err(timed_out)??;
        let ended = || Error::unavailable("the stream of answers ended");
        let answer = answer.ok_or_else(ended)?;
        let mismatch = "an answer that doesn't belong to the batch";
        if answer.batch_number != number {
            return Err(Error::internal(mismatch));
        }
        if answer.closed {
            return Ok(None);
        }
        if answer.results.len() != rows {
            return Err(Error::internal(mismatch));
        }
        let outcomes = answer.results.into_iter().map(outcome);
        outcomes.collect::<Option<_>>().map(Some).ok_or_else(|| Error::internal(mismatch))
    }
}

fn timed_out(_: tokio::time::error::Elapsed) -> Error {
    Error::new(Reason::DeadlineExceeded)
}

/// The message of a row with its line.
fn row_message((line, row): (u64, Row)) -> ImportRow {
    ImportRow {
        line: i64::try_from(line).unwrap_or(i64::MAX),
        user_id: row.user_id,
        email: row.email,
        name: row.name,
        phone: row.phone,
        company: row.company,
        security_hash: row.security_hash,
        tags: row.tags,
        custom_data: row.custom.into_iter().collect(),
    }
}

/// The outcome of a row. `None` when the message has none.
fn outcome(result: ImportRowResult) -> Option<Outcome> {
    Some(match result.outcome() {
        ImportOutcome::Unspecified => return None,
        ImportOutcome::Created => Outcome::Created,
        ImportOutcome::Updated => Outcome::Updated,
        ImportOutcome::Unchanged => Outcome::Unchanged,
        ImportOutcome::Rejected => Outcome::Rejected { field: result.field, reason: result.reason },
    })
}
