//! Uploading a file to import: streamed through, never held. A file that breaks off must not
//! look whole, so the upload ends only where the file does.

use std::{pin::pin, sync::Arc, time::Duration};

use async_stream::try_stream;
use axum::{
    Json,
    body::BodyDataStream,
    extract::{FromRequest, Multipart, Request, State},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http::{HeaderMap, StatusCode, header};
use onethread_errors::{Error, Reason, Result};
use onethread_grpc::Unhurried;
use onethread_proto::contactimport::{
    UploadHeader, UploadImportRequest, upload_import_request::Part,
};
use percent_encoding::percent_decode_str;
use tokio::{sync::mpsc, time::timeout};

use crate::{
    app::App,
    auth::Staff,
    extract::{Params, media_type},
    json::{FileForm, Import},
    openapi::{
        Refusals,
        reasons::{IdempotencyKeyReused, TooLarge, UnsupportedMediaType},
    },
    problem::{ApiResult, from_service},
};

/// Bytes of a file.
const LONGEST_FILE: u64 = 1024 * 1024 * 1024;

/// Bytes of one message of the upload.
const CHUNK: usize = 256 * 1024;

/// How long the next bytes may take to come.
const IDLE_WAIT: Duration = Duration::from_secs(30);

/// How long all of an upload may take.
const UPLOAD_WAIT: Duration = Duration::from_secs(60 * 60);

/// How long the rest of a file is read that was refused in its middle.
const LINGER: Duration = Duration::from_secs(10);

/// What a file is called that came without a name.
const UNNAMED: &str = "upload.csv";

/// Parts of an upload.
type Parts = BoxStream<'static, Result<Part>>;

/// What an upload may be refused with for its own sake.
type Refused = (UnsupportedMediaType, TooLarge, IdempotencyKeyReused);

/// Loads a CSV file of contacts, up to 1 GiB: as the body, or as the form's `file`.
#[utoipa::path(post, path = "/imports", operation_id = "uploadImport", tag = "imports",
    params(
        ("apply" = Option<bool>, Query, description = "False stops once the file is scanned; true \
            applies the proposed mapping, and is what holds where it isn't said."),
        ("Idempotency-Key" = Option<String>, Header, nullable = false, max_length = 255,
            description = "The same key brings the same import."),
    ),
    request_body(content((String = "text/csv"), (FileForm = "multipart/form-data"))),
    responses((status = 202, description = "The import, not done yet.", body = Import),
        Refusals<(Staff, Params, Refused)>))]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    staff: Staff,
    params: Params,
    request: Request,
) -> ApiResult<(StatusCode, Json<Import>)> {
    let header = UploadHeader {
        organization_id: staff.organization,
        file_name: file_name(request.headers()).unwrap_or_else(|| UNNAMED.to_owned()),
        apply: apply(&params)?,
        request_id: idempotency_key(request.headers())?,
    };
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|n| n.to_str().ok());
    let multipart = match media_type(request.headers()).as_str() {
        "text/csv" => false,
        "multipart/form-data" => true,
        _ => return Err(Error::new(Reason::UnsupportedMediaType).into()),
    };
    // The frame of a form is small beside the file.
    let room = LONGEST_FILE + if multipart { 64 * 1024 } else { 0 };
    if said.and_then(|said| said.parse().ok()).is_some_and(|said: u64| said > room) {
        return Err(Error::new(Reason::TooLarge).into());
    }
    let parts = if multipart {
        let form = Multipart::from_request(request, &app).await.map_err(|_| broken())?;
        of_form(header, form).boxed()
    } else {
        of_body(header, request.into_body().into_data_stream()).boxed()
    };
    let import = send(&app, parts).await?;
    Ok((StatusCode::ACCEPTED, Json(import)))
}

/// Hands the parts on. Where they fail, the call is dropped while its stream is still open.
async fn send(app: &App, mut parts: Parts) -> Result<Import> {
    let (feed, fed) = mpsc::channel(1);
    let mut request = tonic::Request::new(until_the_end(fed));
    request.extensions_mut().insert(Unhurried);
    let mut client = app.imports();
    let answer = {
        let mut call = pin!(client.upload_import(request));
        let feeding = async {
            while let Some(part) = parts.next().await {
                if feed.send(Some(part?)).await.is_err() {
                    // The call is over and about to say so.
                    return std::future::pending().await;
                }
            }
            // Nobody takes it where the call is over.
            let _ = feed.send(None).await;
            Ok::<_, Error>(())
        };
        let answered = async {
            tokio::select! {
                biased;
                answer = &mut call => return Ok(answer),
                whole = feeding => whole?,
            }
            Ok(call.await)
        };
        let answered = timeout(UPLOAD_WAIT, answered).await;
        answered.unwrap_or_else(|_| Err(Error::new(Reason::DeadlineExceeded)))?
    };
    if answer.is_err() {
        linger(parts).await;
    }
    let answer = answer.map_err(from_service)?.into_inner();
    Ok(answer.import.unwrap_or_default().into())
}

/// The parts as they are fed, to the end that is fed last: it is no end that they just stop coming.
fn until_the_end(mut fed: mpsc::Receiver<Option<Part>>) -> impl Stream<Item = UploadImportRequest> {
    async_stream::stream! {
        while let Some(part) = fed.recv().await {
            let Some(part) = part else { return };
            yield UploadImportRequest { part: Some(part) };
        }
        std::future::pending::<()>().await;
    }
}

/// Reads on for a while: to a sender that is in the middle of its file, a connection that closes
/// would say nothing of why.
async fn linger(mut parts: Parts) {
    let rest = async { while let Some(Ok(_)) = parts.next().await {} };
    // Whoever has more to send than that is cut off.
    let _ = timeout(LINGER, rest).await;
}

fn of_body(header: UploadHeader, bytes: BodyDataStream) -> impl Stream<Item = Result<Part>> {
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

fn of_form(header: UploadHeader, mut form: Multipart) -> impl Stream<Item = Result<Part>> {
    try_stream! {
        let field = loop {
            let next = timeout(IDLE_WAIT, form.next_field()).await.map_err(|_| too_slow())?;
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

/// The bytes, as long as they keep coming and don't get too many.
fn bounded<S, E>(bytes: S) -> impl Stream<Item = Result<Bytes>>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    try_stream! {
        let mut bytes = pin!(bytes);
        let mut length = 0;
        while let Some(piece) = timeout(IDLE_WAIT, bytes.next()).await.map_err(|_| too_slow())? {
            let piece = piece.map_err(|_| broken())?;
            length += piece.len() as u64;
            if length > LONGEST_FILE {
                Err(Error::new(Reason::TooLarge))?;
            }
            yield piece;
        }
    }
}

fn chunks(mut piece: Bytes) -> impl Iterator<Item = Vec<u8>> {
    std::iter::from_fn(move || {
        let chunk = piece.split_to(piece.len().min(CHUNK));
        (!chunk.is_empty()).then(|| chunk.into())
    })
}

fn broken() -> Error {
    Error::new(Reason::InvalidArgument).because("The upload broke off or is not well-formed.")
}

fn too_slow() -> Error {
    Error::new(Reason::DeadlineExceeded).because("The upload paused for too long.")
}

fn apply(params: &Params) -> Result<bool> {
    match params.text("apply") {
        None | Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(Error::invalid("/apply", "is not true or false")),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<String> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(String::new()) };
    let key = key.to_str().ok().filter(|key| key.len() <= 255);
    let odd = || Error::invalid("/Idempotency-Key", "is not up to 255 printable characters");
    key.map(str::to_owned).ok_or_else(odd)
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
    fn a_file_has_the_name_it_came_with() {
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
    fn pieces_are_cut_to_chunks() {
        let lengths: Vec<_> =
            chunks(Bytes::from(vec![0; 2 * CHUNK + 1])).map(|chunk| chunk.len()).collect();
        assert_eq!(lengths, [CHUNK, CHUNK, 1]);
    }
}
