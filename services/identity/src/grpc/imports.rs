//! Batches of imported rows: a stream of them, answered in their order.

use std::pin::pin;

use futures::{Stream, StreamExt};
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_grpc::{id, log_failure};
use onethread_proto::identity as wire;
use tonic::{Status, Streaming};

use super::Handlers;
use crate::app::ImportRows;

/// A batch, made ready to be committed.
struct Batch {
    of: OrganizationId,
    import: ImportId,
    number: i64,
    /// None when the batch is to be closed.
    rows: Option<ImportRows>,
}

impl TryFrom<wire::ImportContactsRequest> for Batch {
    type Error = Error;

    fn try_from(batch: wire::ImportContactsRequest) -> Result<Self> {
        let of = id("/organizationId", &batch.organization_id)?;
        let import = id("/importId", &batch.import_id)?;
        let number = batch.batch_number;
        if number < 1 {
            return Err(Error::invalid("/batchNumber", "is below 1"));
        }
        let rows = || ImportRows::check(batch.rows.into_iter().map(Into::into));
        let rows = if batch.close { None } else { Some(rows()?) };
        Ok(Self { of, import, number, rows })
    }
}

/// Commits batches one after the other. While the database is at one, the next is read and looked at.
pub(super) fn answers(
    handlers: Handlers,
    batches: Streaming<wire::ImportContactsRequest>,
) -> impl Stream<Item = Result<wire::ImportContactsResponse, Status>> + Send {
    async_stream::try_stream! {
        let ready = batches.map(|batch| batch.map(Batch::try_from));
        let mut ready = pin!(ready.peekable());
        while let Some(batch) = ready.next().await {
            let batch = batch?.map_err(told)?;
            let close = batch.rows.is_none();
            let mut done = pin!(handlers.commit(batch));
            let answer = tokio::select! {
                biased;
                answer = &mut done => answer,
                _ = ready.as_mut().peek() => done.await,
            };
            let answer = answer.map_err(told)?;
            // Whoever is late with a batch is late with those behind it.
            let late = answer.closed && !close;
            yield answer;
            if late {
                break;
            }
        }
    }
}

fn told(error: Error) -> Status {
    log_failure(&error);
    Status::from(error)
}

impl Handlers {
    async fn commit(&self, batch: Batch) -> Result<wire::ImportContactsResponse> {
        let Batch { of, import, number, rows } = batch;
        let results = self.app.import_batch(of, import, number, rows).await?;
        Ok(wire::ImportContactsResponse {
            batch_number: number,
            closed: results.is_none(),
            results: results.into_iter().flatten().map(Into::into).collect(),
        })
    }
}
