//! The contact-import service.

use std::sync::atomic::Ordering;

use futures::{Stream, stream::BoxStream};
use onethread_errors::{Error, Reason};
use onethread_proto::contactimport::{import_service_server::ImportService, *};
use tonic::{Request, Response, Status, Streaming};

use super::{Answer, Fake};
use crate::support::{self, at, id};

#[tonic::async_trait]
impl ImportService for Fake {
    async fn upload_import(
        &self,
        request: Request<Streaming<UploadImportRequest>>,
    ) -> Answer<UploadImportResponse> {
        let mut parts = request.into_inner();
        let first = parts.message().await?.and_then(|request| request.part);
        let Some(upload_import_request::Part::Header(header)) = first else {
            return Err(Status::invalid_argument("no header"));
        };
        if header.request_id == "another file's" {
            return Err(Error::new(Reason::IdempotencyKeyReused).into());
        }
        let mut length = 0;
        while let Some(request) = parts.message().await? {
            if let Some(upload_import_request::Part::Chunk(chunk)) = request.part {
                length += chunk.len();
            }
        }
        let file_name = header.file_name.clone();
        self.0.uploads.lock().unwrap().push((header, length));
        let import = Import { file_name, ..import(id(7)) };
        Ok(Response::new(UploadImportResponse { import: Some(import) }))
    }

    async fn get_import(&self, request: Request<GetImportRequest>) -> Answer<GetImportResponse> {
        let id = request.into_inner().import_id;
        if id != support::id(7) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(GetImportResponse { import: Some(import(id)) }))
    }

    async fn list_imports(&self, _: Request<ListImportsRequest>) -> Answer<ListImportsResponse> {
        let further = i64::from(self.0.importing.load(Ordering::SeqCst));
        let processed = self.0.processed.fetch_add(further, Ordering::SeqCst);
        let imports = vec![Import { processed_count: processed, ..import(id(7)) }];
        Ok(Response::new(ListImportsResponse { imports, ..Default::default() }))
    }

    async fn apply_import(
        &self,
        request: Request<ApplyImportRequest>,
    ) -> Answer<ApplyImportResponse> {
        let import = Some(ready(request.into_inner().import_id)?);
        Ok(Response::new(ApplyImportResponse { import }))
    }

    async fn cancel_import(
        &self,
        request: Request<CancelImportRequest>,
    ) -> Answer<CancelImportResponse> {
        let import = Some(ready(request.into_inner().import_id)?);
        Ok(Response::new(CancelImportResponse { import }))
    }

    type WatchImportStream = BoxStream<'static, Result<WatchImportResponse, Status>>;

    async fn watch_import(
        &self,
        request: Request<WatchImportRequest>,
    ) -> Answer<Self::WatchImportStream> {
        let id = request.into_inner().import_id;
        if id != support::id(7) {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(Box::pin(states(id))))
    }

    async fn list_rejected_rows(
        &self,
        request: Request<ListRejectedRowsRequest>,
    ) -> Answer<ListRejectedRowsResponse> {
        let request = request.into_inner();
        let from: usize = request.page_token.parse().unwrap_or(0);
        let rows = self.0.rejected.lock().unwrap();
        let to = rows.len().min(from + usize::try_from(request.page_size).unwrap());
        let next_page_token = if to < rows.len() { to.to_string() } else { String::new() };
        Ok(Response::new(ListRejectedRowsResponse {
            rows: rows[from..to].to_vec(),
            next_page_token,
        }))
    }
}

fn import(id: String) -> Import {
    let columns = vec!["email".to_owned(), "name".to_owned()];
    Import { id, columns, created_at: at(), ..Import::default() }
}

/// Import 7 is done, any other one is ready.
fn ready(import_id: String) -> Result<Import, Status> {
    if import_id == id(7) {
        return Err(Error::new(Reason::ImportState).into());
    }
    Ok(import(import_id))
}

fn states(id: String) -> impl Stream<Item = Result<WatchImportResponse, Status>> {
    let state = move |state: ImportState| {
        let import = Import { state: state.into(), ..import(id.clone()) };
        Ok(WatchImportResponse { import: Some(import) })
    };
    futures::stream::iter([ImportState::Running, ImportState::Done].map(state))
}
