//! The rejected rows of an import as CSV, to correct and import again: the file's own columns, then
//! the added ones. UTF-8 with commas, whatever the file had; formulas are escaped as in an export.

use std::sync::Arc;

use async_stream::try_stream;
use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use csv::{Writer, WriterBuilder};
use futures::Stream;
use http::header;
use onethread_core::ImportId;
use onethread_errors::{Error, Result};
use onethread_proto::contactimport::{ListRejectedRowsRequest, RejectedRow};

use super::{export::guard, imports};
use crate::{
    app::App, authentication::ApiCaller, extract::PathId, openapi::Problems, problem::ApiResult,
};

/// The added columns, which an import ignores.
const ADDED_COLUMNS: [&str; 3] = ["rejected_line", "rejected_column", "rejected_reason"];

/// Rows in one call.
const PAGE_SIZE: i32 = 50;

/// The rejected rows of an import with reasons, to correct and import again.
#[utoipa::path(get, path = "/imports/{id}/rejected.csv", operation_id = "downloadRejectedRows",
    tag = "imports", params(PathId<ImportId>),
    responses(
        (status = 200, description = "The file's columns, then `rejected_line`, `rejected_column` \
            and `rejected_reason`.", body = String, content_type = "text/csv"),
        Problems<(ApiCaller, PathId<ImportId>)>,
    ))]
pub(super) async fn download(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ImportId>,
) -> ApiResult<Response> {
    let import = imports::find(&app, caller.organization, id).await?;
    let request = ListRejectedRowsRequest {
        organization_id: caller.organization.to_string(),
        import_id: id.to_string(),
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"rejected.csv\""),
    ];
    let body = Body::from_stream(pages(app, import.columns, request));
    Ok((headers, body).into_response())
}

/// A failure aborts the answer, so that half a file doesn't look complete.
fn pages(
    app: Arc<App>,
    columns: Vec<String>,
    mut request: ListRejectedRowsRequest,
) -> impl Stream<Item = Result<Bytes>> {
    try_stream! {
        let mut writer = new_writer();
        let header = columns.iter().cloned().chain(ADDED_COLUMNS.map(str::to_owned)).map(guard);
        writer.write_record(header.collect::<Vec<_>>()).map_err(Error::internal)?;
        loop {
            let answer = app.clients.imports().list_rejected_rows(request.clone()).await;
            let page = answer.map_err(Error::from)?.into_inner();
            for row in &page.rows {
                write(&mut writer, row, columns.len()).map_err(Error::internal)?;
            }
            let written = std::mem::replace(&mut writer, new_writer()).into_inner();
            yield Bytes::from(written.map_err(|error| Error::internal(error.into_error()))?);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
    }
}

fn new_writer() -> Writer<Vec<u8>> {
    // A row may be rejected because it has too many fields.
    WriterBuilder::new().flexible(true).from_writer(Vec::new())
}

/// Keeps the added columns under their names: missing cells are filled up, surplus cells come last.
fn write(writer: &mut Writer<Vec<u8>>, row: &RejectedRow, columns: usize) -> csv::Result<()> {
    let cell = |n: usize| row.cells.get(n).cloned().unwrap_or_default();
    let added = [row.line.to_string(), row.column.clone(), row.reason.clone()];
    let surplus = row.cells.iter().skip(columns).cloned();
    writer.write_record((0..columns).map(cell).chain(added).chain(surplus).map(guard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_columns_are_under_their_names_in_every_row() {
        let mut writer = new_writer();
        for cells in [&["a"][..], &["a", "b, c"], &["a", "b", "too many"], &["=1", "'-"]] {
            let cells = cells.iter().map(|cell| (*cell).to_owned()).collect();
            let row = RejectedRow { line: 7, column: "x".into(), reason: "why".into(), cells };
            write(&mut writer, &row, 2).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let expected = "a,,7,x,why\na,\"b, c\",7,x,why\na,b,7,x,why,too many\n'=1,''-,7,x,why\n";
        assert_eq!(text, expected);
    }
}
