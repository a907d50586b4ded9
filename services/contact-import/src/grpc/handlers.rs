//! Handlers of `ImportService`: each decodes its request, calls a use case, and encodes the answer.

use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use onethread_core::{ImportId, PageToken};
use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, log_failure, organization_id, page_size};
use onethread_proto::contactimport::{
    ApplyImportRequest, ApplyImportResponse, CancelImportRequest, CancelImportResponse,
    GetImportRequest, GetImportResponse, ListImportsRequest, ListImportsResponse,
    ListRejectedRowsRequest, ListRejectedRowsResponse, UploadImportRequest, UploadImportResponse,
    WatchImportRequest, WatchImportResponse, import_service_server::ImportService,
    upload_import_request::Part,
};
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Request, Response, Status, Streaming};

use super::convert;
use crate::{
    app::{App, Page},
    domain::Import,
};

/// The service.
#[derive(Debug)]
pub(crate) struct Handlers(pub(crate) App);

type Answer<T> = Result<Response<T>, Status>;

impl Handlers {
    fn message(&self, import: Import) -> Option<onethread_proto::contactimport::Import> {
        Some(convert::import(import, self.0.clock.now()))
    }

    async fn upload(&self, mut parts: Streaming<UploadImportRequest>) -> Result<Import> {
        let Some(UploadImportRequest { part: Some(Part::Header(header)) }) =
            parts.message().await?
        else {
            return Err(Error::invalid("header", "comes first"));
        };
        let chunks = parts.map(|part| match part?.part {
            Some(Part::Chunk(bytes)) => Ok(bytes),
            _ => Err(Error::invalid("header", "comes once, and chunks alone after it")),
        });
        self.0.upload(header.try_into()?, chunks).await
    }

    async fn list(&self, request: ListImportsRequest) -> Result<ListImportsResponse> {
        let organization = organization_id(&request.organization_id)?;
        let after = page_key(&request.page_token)?.map(ImportId);
        let size = page_size("page_size", request.page_size)?;
        let Page { items, next } = self.0.list(organization, after, size).await?;
        Ok(ListImportsResponse {
            imports: items.into_iter().filter_map(|import| self.message(import)).collect(),
            next_page_token: page_token(next.map(|id| id.0)),
        })
    }

    async fn list_rejected(
        &self,
        request: ListRejectedRowsRequest,
    ) -> Result<ListRejectedRowsResponse> {
        let organization = organization_id(&request.organization_id)?;
        let import = id("import_id", &request.import_id)?;
        let after = page_key(&request.page_token)?.unwrap_or(0);
        let size = page_size("page_size", request.page_size)?;
        let Page { items, next } =
            self.0.list_rejected_rows(organization, import, after, size).await?;
        Ok(ListRejectedRowsResponse {
            rows: items.into_iter().map(Into::into).collect(),
            next_page_token: page_token(next),
        })
    }

    async fn watch(
        &self,
        request: WatchImportRequest,
    ) -> Result<BoxStream<'static, Result<WatchImportResponse, Status>>> {
        let organization = organization_id(&request.organization_id)?;
        let import = id("import_id", &request.import_id)?;
        let clock = std::sync::Arc::clone(&self.0.clock);
        let imports = self.0.watch(organization, import).await?;
        let messages = imports.map_ok(move |import| WatchImportResponse {
            import: Some(convert::import(import, clock.now())),
        });
        let messages = messages.map_err(|error| {
            log_failure(&error);
            Status::from(error)
        });
        Ok(messages.boxed())
    }
}

#[tonic::async_trait]
impl ImportService for Handlers {
    type WatchImportStream = BoxStream<'static, Result<WatchImportResponse, Status>>;

    async fn upload_import(
        &self,
        request: Request<Streaming<UploadImportRequest>>,
    ) -> Answer<UploadImportResponse> {
        let import = self.upload(request.into_inner()).await;
        answer(import.map(|import| UploadImportResponse { import: self.message(import) }))
    }

    async fn get_import(&self, request: Request<GetImportRequest>) -> Answer<GetImportResponse> {
        let request = request.into_inner();
        let got = async {
            let organization = organization_id(&request.organization_id)?;
            self.0.get(organization, id("import_id", &request.import_id)?).await
        };
        answer(got.await.map(|import| GetImportResponse { import: self.message(import) }))
    }

    async fn list_imports(
        &self,
        request: Request<ListImportsRequest>,
    ) -> Answer<ListImportsResponse> {
        answer(self.list(request.into_inner()).await)
    }

    async fn apply_import(
        &self,
        request: Request<ApplyImportRequest>,
    ) -> Answer<ApplyImportResponse> {
        let request = request.into_inner();
        let applied = async {
            let organization = organization_id(&request.organization_id)?;
            let import = id("import_id", &request.import_id)?;
            let mut changes: Vec<_> = request.mapping.into_iter().collect();
            // A map has no order, but errors need one.
            changes.sort();
            self.0.apply(organization, import, &changes).await
        };
        answer(applied.await.map(|import| ApplyImportResponse { import: self.message(import) }))
    }

    async fn cancel_import(
        &self,
        request: Request<CancelImportRequest>,
    ) -> Answer<CancelImportResponse> {
        let request = request.into_inner();
        let canceled = async {
            let organization = organization_id(&request.organization_id)?;
            self.0.cancel(organization, id("import_id", &request.import_id)?).await
        };
        answer(canceled.await.map(|import| CancelImportResponse { import: self.message(import) }))
    }

    async fn watch_import(
        &self,
        request: Request<WatchImportRequest>,
    ) -> Answer<Self::WatchImportStream> {
        answer(self.watch(request.into_inner()).await)
    }

    async fn list_rejected_rows(
        &self,
        request: Request<ListRejectedRowsRequest>,
    ) -> Answer<ListRejectedRowsResponse> {
        answer(self.list_rejected(request.into_inner()).await)
    }
}

/// The key in a page token; `None` for the first page.
fn page_key<K: DeserializeOwned>(token: &str) -> Result<Option<K>> {
    PageToken::decode(token).map_err(|error| Error::invalid("page_token", error.to_string()))
}

/// The page token of a key; empty on the last page.
fn page_token<K: Serialize>(key: Option<K>) -> String {
    key.map(|key| PageToken::encode(&key)).unwrap_or_default()
}
