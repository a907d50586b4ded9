//! Uploading a file to import: streamed through, never held in memory. A file that is cut off must
//! not look complete, so the upload ends only at the end of the file.

use std::{pin::pin, sync::Arc, time::Duration};

use async_stream::try_stream;
use axum::{
    Json,
    body::BodyDataStream,
    extract::{FromRequest, Multipart, Request, State},
};
use bytes::Bytes;
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use futures::{Stream, StreamExt, stream::BoxStream};
use http::{HeaderMap, StatusCode, header};
use onethread_errors::{Error, Reason, Result};
use onethread_grpc::NoDeadline;
use onethread_proto::contactimport::{
    UploadHeader, UploadImportRequest, upload_import_request::Part,
};
use percent_encoding::percent_decode_str;
use tokio::{sync::mpsc, time::timeout};
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    authentication::ApiCaller,
    extract::{Faults, Query, by_rule, media_type},
    json::Import,
    openapi::{
        Problems,
        reasons::{IdempotencyKeyReused, TooLarge, UnsupportedMediaType},
    },
    problem::ApiResult,
};

/// Bytes of a file.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

/// Bytes of a form besides its file.
const MAX_FORM_BYTES: u64 = 64 * 1024;

/// Bytes of one message of the upload.
const CHUNK_BYTES: usize = 256 * 1024;

/// Time in which the next bytes have to arrive.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that an upload may take.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Time for which the rest of a file is read that was rejected in its middle.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// The name of a file without one.
const DEFAULT_FILE_NAME: &str = "upload.csv";

/// Parts of an upload.
type Parts = BoxStream<'static, Result<Part>>;

/// Reasons for which an upload itself may be rejected.
type UploadReasons = (UnsupportedMediaType, TooLarge, IdempotencyKeyReused);

/// How the file is imported.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults)]
#[into_params(parameter_in = Query)]
pub(super) struct UploadQuery {
    /// False stops once the file is scanned; true, the default, applies the proposed mapping.
    #[deserr(default)]
    #[param(value_type = Option<bool>)]
    apply: Option<Flag>,
}

/// `true` or `false` in a query.
#[derive(Debug)]
struct Flag(bool);

impl Deserr<Faults> for Flag {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not true or false", |value| {
            value.as_str()?.parse().ok().map(Self)
        })
    }
}

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form is read as a stream; this describes it")]
pub(super) struct FileForm {
    #[schema(format = Binary)]
    file: String,
}

/// Imports a CSV file of contacts, up to 1 GiB: as the body, or as the form's `file`.
#[utoipa::path(post, path = "/imports", operation_id = "uploadImport", tag = "imports",
    params(
        UploadQuery,
        ("Idempotency-Key" = Option<String>, Header, nullable = false, max_length = 255,
            description = "The same key answers the same import."),
    ),
    request_body(content((String = "text/csv"), (FileForm = "multipart/form-data"))),
    responses((status = 202, description = "The import, which is not done yet.", body = Import),
        Problems<(ApiCaller, Query<UploadQuery>, UploadReasons)>))]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> ApiResult<(StatusCode, Json<Import>)> {
    let header = UploadHeader {
        organization_id: caller.organization.to_string(),
        file_name: file_name(request.headers()).unwrap_or_else(|| DEFAULT_FILE_NAME.to_owned()),
        apply: query.apply.is_none_or(|apply| apply.0),
        request_id: idempotency_key(request.headers())?,
    };
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok());
    let multipart = match media_type(request.headers()).as_str() {
        "text/csv" => false,
        "multipart/form-data" => true,
        _ => return Err(Error::new(Reason::UnsupportedMediaType).into()),
    };
    // A form has some bytes around the file.
    let max_length = MAX_FILE_BYTES + if multipart { MAX_FORM_BYTES } else { 0 };
    if length.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > max_length)
    {
        return Err(Error::new(Reason::TooLarge).into());
    }
    let parts = if multipart {
        let form = Multipart::from_request(request, &app).await.map_err(|_| broken())?;
        form_parts(header, form).boxed()
    } else {
        body_parts(header, request.into_body().into_data_stream()).boxed()
    };
    let import = send(&app, parts).await?;
    Ok((StatusCode::ACCEPTED, Json(import)))
}

/// Sends the parts. If they fail, the call is dropped while its stream is still open.
async fn send(app: &App, mut parts: Parts) -> Result<Import> {
    let (sender, receiver) = mpsc::channel(1);
    let mut request = tonic::Request::new(requests(receiver));
    request.extensions_mut().insert(NoDeadline);
    let mut client = app.clients.imports();
    let answer = {
        let mut call = pin!(client.upload_import(request));
        let sending = async {
            while let Some(part) = parts.next().await {
                if sender.send(Some(part?)).await.is_err() {
                    // The call has ended, and its answer is about to be read.
                    return std::future::pending().await;
                }
            }
            // An error means that the call has ended.
            let _ = sender.send(None).await;
            Ok::<_, Error>(())
        };
        let uploading = async {
            tokio::select! {
                biased;
                answer = &mut call => return Ok(answer),
                sent = sending => sent?,
            }
            Ok(call.await)
        };
        let uploaded = timeout(UPLOAD_TIMEOUT, uploading).await;
        uploaded.unwrap_or_else(|_| Err(Error::new(Reason::DeadlineExceeded)))?
    };
    if answer.is_err() {
        discard(parts).await;
    }
    let answer = answer.map_err(Error::from)?.into_inner();
    Ok(answer.import.unwrap_or_default().into())
}

/// The requests of the call. They end with the `None` that is sent last: a sender that is dropped is
/// not the end of the file.
fn requests(mut parts: mpsc::Receiver<Option<Part>>) -> impl Stream<Item = UploadImportRequest> {
    async_stream::stream! {
        while let Some(part) = parts.recv().await {
            let Some(part) = part else { return };
            yield UploadImportRequest { part: Some(part) };
        }
        std::future::pending::<()>().await;
    }
}

/// Reads the rest for a while: a client in the middle of its file would see only a closed connection
/// and not the answer.
async fn discard(mut parts: Parts) {
    let rest = async { while let Some(Ok(_)) = parts.next().await {} };
    // A client with more to send is cut off.
    let _ = timeout(DISCARD_TIMEOUT, rest).await;
}

fn body_parts(header: UploadHeader, bytes: BodyDataStream) -> impl Stream<Item = Result<Part>> {
    try_stream! {
        yield Part::Header(header);
        let mut bytes = pin!(bounded(bytes));
        while let Some(piece) = bytes.next().await {
            for chunk in chunks(piece?) {
                yield Part::Chunk(chunk);
            }
        }
    }
}

fn form_parts(header: UploadHeader, mut form: Multipart) -> impl Stream<Item = Result<Part>> {
    try_stream! {
        let field = loop {
            let next = timeout(IDLE_TIMEOUT, form.next_field()).await.map_err(|_| too_slow())?;
            let missing = || Error::invalid("/file", "is missing");
            let field = next.map_err(|_| broken())?.ok_or_else(missing)?;
            if field.name() == Some("file") {
                break field;
            }
        };
        let name = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
        yield Part::Header(UploadHeader { file_name: name.unwrap_or(header.file_name), ..header });
        let mut bytes = pin!(bounded(field));
        while let Some(piece) = bytes.next().await {
            for chunk in chunks(piece?) {
                yield Part::Chunk(chunk);
            }
        }
    }
}

/// The bytes, while they keep arriving and aren't too many.
fn bounded<S, E>(bytes: S) -> impl Stream<Item = Result<Bytes>>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    try_stream! {
        let mut bytes = pin!(bytes);
        let mut length = 0;
        while let Some(piece) = timeout(IDLE_TIMEOUT, bytes.next()).await.map_err(|_| too_slow())? {
            let piece = piece.map_err(|_| broken())?;
            length += piece.len() as u64;
            if length > MAX_FILE_BYTES {
                Err(Error::new(Reason::TooLarge))?;
            }
            yield piece;
        }
    }
}

fn chunks(mut piece: Bytes) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || {
        let chunk = piece.split_to(piece.len().min(CHUNK_BYTES));
        (!chunk.is_empty()).then(|| chunk.into())
    })
}

fn broken() -> Error {
    Error::new(Reason::InvalidArgument).with_detail("The upload broke off or is not well-formed.")
}

fn too_slow() -> Error {
    Error::new(Reason::DeadlineExceeded).with_detail("The upload paused for too long.")
}

fn idempotency_key(headers: &HeaderMap) -> Result<String> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(String::new()) };
    let key = key.to_str().ok().filter(|key| key.len() <= 255);
    let rejected = || Error::invalid("/Idempotency-Key", "is not up to 255 printable characters");
    key.map(str::to_owned).ok_or_else(rejected)
}

/// `filename*=UTF-8''…` or `filename="…"` of a `Content-Disposition`.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let disposition = headers.get(header::CONTENT_DISPOSITION)?.to_str().ok()?;
    let mut plain = None;
    for parameter in disposition.split(';').skip(1) {
        let Some((name, value)) = parameter.trim().split_once('=') else { continue };
        if name.eq_ignore_ascii_case("filename*") {
            let (charset, rest) = value.split_once('\'')?;
            let (_, encoded) = rest.split_once('\'')?;
            if charset.eq_ignore_ascii_case("utf-8") {
                let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
                return Some(decoded.into_owned());
            }
        } else if name.eq_ignore_ascii_case("filename") {
            plain = Some(value.trim_matches('"').to_owned());
        }
    }
    plain.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_is_read_from_the_header() {
        let name = |value: &'static str| {
            let value = value.parse().unwrap();
            file_name(&HeaderMap::from_iter([(header::CONTENT_DISPOSITION, value)]))
        };
        let encoded = "attachment; filename=\"x.csv\"; filename*=UTF-8''K%C3%A4ufer%20a.csv";
        assert_eq!(name(encoded).as_deref(), Some("Käufer a.csv"));
        assert_eq!(name("attachment; filename=\"people.csv\"").as_deref(), Some("people.csv"));
        assert_eq!(name("attachment"), None);
    }

    #[test]
    fn bytes_are_cut_into_chunks() {
        let lengths: Vec<_> =
            chunks(Bytes::from(vec![0; 2 * CHUNK_BYTES + 1])).map(|chunk| chunk.len()).collect();
        assert_eq!(lengths, [CHUNK_BYTES, CHUNK_BYTES, 1]);
    }
}
