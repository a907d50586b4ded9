//! `ContactImportService`: a stream of batches of imported rows, with results in the same order.

use std::pin::{Pin, pin};

use futures::{Stream, StreamExt};
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_grpc::{id, log_failure, organization_id};
use onethread_lifecycle::shielded;
use onethread_proto::identity::{
    self as wire, contact_import_service_server::ContactImportService,
};
use onethread_telemetry::spans;
use tonic::{Request, Response, Status, Streaming};
use tracing::{Instrument, Span};

use super::{
    app::ImportRows,
    domain::row::{ImportRow, RowOutcome, RowResult},
};
use crate::grpc::Handlers;

/// A batch that is ready to be committed.
struct Batch {
    organization: OrganizationId,
    import: ImportId,
    number: i64,
    /// `None` when the batch is to be closed.
    rows: Option<ImportRows>,
}

impl TryFrom<wire::ImportContactsRequest> for Batch {
    type Error = Error;

    fn try_from(batch: wire::ImportContactsRequest) -> Result<Self> {
        let organization = organization_id(&batch.organization_id)?;
        let import = id("import_id", &batch.import_id)?;
        let number = batch.batch_number;
        if number < 1 {
            return Err(Error::invalid("batch_number", "is below 1"));
        }
        let rows = || ImportRows::check(batch.rows.into_iter().map(Into::into));
        let rows = if batch.close { None } else { Some(rows()?) };
        Ok(Self { organization, import, number, rows })
    }
}

#[tonic::async_trait]
impl ContactImportService for Handlers {
    type ImportContactsStream =
        Pin<Box<dyn Stream<Item = Result<wire::ImportContactsResponse, Status>> + Send>>;

    async fn import_contacts(
        &self,
        request: Request<Streaming<wire::ImportContactsRequest>>,
    ) -> Result<Response<Self::ImportContactsStream>, Status> {
        Ok(Response::new(Box::pin(import_contacts(self.clone(), request.into_inner()))))
    }
}

/// Commits batches one after the other. While the database commits one, the next is read and checked.
fn import_contacts(
    handlers: Handlers,
    batches: Streaming<wire::ImportContactsRequest>,
) -> impl Stream<Item = Result<wire::ImportContactsResponse, Status>> + Send {
    // The stream is polled outside the call's span.
    let call = Span::current();
    async_stream::try_stream! {
        let ready = batches.map(|batch| batch.map(Batch::try_from));
        let mut ready = pin!(ready.peekable());
        while let Some(batch) = ready.next().await {
            let batch = batch?.map_err(status)?;
            let close = batch.rows.is_none();
            let span = spans::import_batch(&call, batch.number);
            let mut done = pin!(handlers.commit(batch).instrument(span));
            let answer = tokio::select! {
                biased;
                answer = &mut done => answer,
                _ = ready.as_mut().peek() => done.await,
            };
            let answer = answer.map_err(status)?;
            // A batch that arrives late delays those after it.
            let is_late = answer.closed && !close;
            yield answer;
            if is_late {
                break;
            }
        }
    }
}

fn status(error: Error) -> Status {
    log_failure(&error);
    Status::from(error)
}

impl Handlers {
    async fn commit(&self, batch: Batch) -> Result<wire::ImportContactsResponse> {
        let Batch { organization, import, number, rows } = batch;
        let app = self.app.clone();
        // The stream may be dropped at any time; the commit must not be.
        let results =
            shielded(async move { app.import_batch(organization, import, number, rows).await });
        let results = results.await.inspect_err(|error| {
            let reason = error.reason.error_info_reason();
            spans::fail(&Span::current(), reason, reason);
        });
        let results = results?;
        Ok(wire::ImportContactsResponse {
            batch_number: number,
            closed: results.is_none(),
            results: results.into_iter().flatten().map(Into::into).collect(),
        })
    }
}

impl From<wire::ImportRow> for ImportRow {
    fn from(row: wire::ImportRow) -> Self {
        let mut custom: Vec<_> = row.custom_data.into_iter().collect();
        custom.sort_unstable();
        Self {
            line: row.line,
            user_id: row.user_id,
            email: row.email,
            name: row.name,
            phone: row.phone,
            company: row.company,
            security_hash: row.security_hash,
            tags: row.tags,
            custom,
        }
    }
}

impl From<RowResult> for wire::ImportRowResult {
    fn from(result: RowResult) -> Self {
        use wire::ImportOutcome as Wire;
        let (outcome, field, reason) = match result.outcome {
            RowOutcome::Created => (Wire::Created, String::new(), String::new()),
            RowOutcome::Updated => (Wire::Updated, String::new(), String::new()),
            RowOutcome::Unchanged => (Wire::Unchanged, String::new(), String::new()),
            RowOutcome::Rejected { field, reason } => (Wire::Rejected, field, reason),
        };
        Self { line: result.line, outcome: outcome.into(), field, reason }
    }
}
