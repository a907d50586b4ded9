//! The rows that an import set aside, as CSV to mend and load again: the file's own columns, then
//! ours. In UTF-8 with commas, whatever the file was; what a spreadsheet would run is defused as in
//! an export.

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
use onethread_errors::{Error, Result};
use onethread_proto::contactimport::{ListRejectedRowsRequest, RejectedRow};

use super::{export::harmless, imports};
use crate::{
    app::App,
    auth::Staff,
    extract::PathId,
    openapi::Refusals,
    problem::{ApiResult, from_service},
};

/// The columns that an import leaves out when the file is loaded again.
const OURS: [&str; 3] = ["rejected_line", "rejected_column", "rejected_reason"];

/// Rows in one call.
const PAGE: i32 = 50;

/// The rows that an import set aside, with reasons, to mend and load again.
#[utoipa::path(get, path = "/imports/{id}/rejected.csv", operation_id = "downloadRejectedRows",
    tag = "imports", params(PathId),
    responses(
        (status = 200, description = "The file's columns, then `rejected_line`, `rejected_column` \
            and `rejected_reason`.", body = String, content_type = "text/csv"),
        Refusals<(Staff, PathId)>,
    ))]
pub(super) async fn download(
    State(app): State<Arc<App>>,
    staff: Staff,
    PathId(id): PathId,
) -> ApiResult<Response> {
    let import = imports::find(&app, staff.organization.clone(), id.clone()).await?;
    let request = ListRejectedRowsRequest {
        organization_id: staff.organization,
        import_id: id,
        page_size: PAGE,
        page_token: String::new(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"rejected.csv\""),
    ];
    let body = Body::from_stream(pages(app, import.columns, request));
    Ok((headers, body).into_response())
}

/// A failure breaks the answer off, so that half a file doesn't look whole.
fn pages(
    app: Arc<App>,
    columns: Vec<String>,
    mut request: ListRejectedRowsRequest,
) -> impl Stream<Item = Result<Bytes>> {
    try_stream! {
        let mut writer = lines();
        let header = columns.iter().cloned().chain(OURS.map(str::to_owned)).map(harmless);
        writer.write_record(header.collect::<Vec<_>>()).map_err(Error::internal)?;
        loop {
            let answer = app.imports().list_rejected_rows(request.clone()).await;
            let page = answer.map_err(from_service)?.into_inner();
            for row in &page.rows {
                write(&mut writer, row, columns.len()).map_err(Error::internal)?;
            }
            let written = std::mem::replace(&mut writer, lines()).into_inner();
            yield Bytes::from(written.map_err(|error| Error::internal(error.into_error()))?);
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
    }
}

fn lines() -> Writer<Vec<u8>> {
    // A row may be set aside for having too many fields.
    WriterBuilder::new().flexible(true).from_writer(Vec::new())
}

/// Our columns stand under their names: missing fields are filled up, and those too many come last.
fn write(writer: &mut Writer<Vec<u8>>, row: &RejectedRow, columns: usize) -> csv::Result<()> {
    let cell = |n: usize| row.cells.get(n).cloned().unwrap_or_default();
    let ours = [row.line.to_string(), row.column.clone(), row.reason.clone()];
    let more = row.cells.iter().skip(columns).cloned();
    writer.write_record((0..columns).map(cell).chain(ours).chain(more).map(harmless))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_columns_stand_under_their_names_whatever_the_row() {
        let mut writer = lines();
        for cells in [&["a"][..], &["a", "b, c"], &["a", "b", "too many"], &["=1", "'-"]] {
            let cells = cells.iter().map(|cell| (*cell).to_owned()).collect();
            let row = RejectedRow { line: 7, column: "x".into(), reason: "why".into(), cells };
            write(&mut writer, &row, 2).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let wanted = "a,,7,x,why\na,\"b, c\",7,x,why\na,b,7,x,why,too many\n'=1,''-,7,x,why\n";
        assert_eq!(text, wanted);
    }
}
