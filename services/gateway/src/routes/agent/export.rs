//! Contacts as CSV, page by page, in the order of their creation. A contact that is created meanwhile
//! may be missing; every other one is there exactly once.

use std::{borrow::Cow, sync::Arc};

use async_stream::try_stream;
use axum::{
    body::Body as ResponseBody,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use csv::Writer;
use http::header;
use onethread_core::{PageSize, guard_formulas};
use onethread_errors::{Error, Result};
use onethread_proto::identity::{Contact, ListAttributeKeysRequest, SearchContactsRequest};
use serde_json::Value;
use tokio::time::sleep;

use super::contact_search::{ContactSearch, search_error};
use crate::{
    app::App, authentication::ApiCaller, extract::Body, json, openapi::Problems, problem::ApiResult,
};

/// How often a further page is tried again when too many searches wait.
const MAX_PAGE_RETRIES: u32 = 30;

/// Columns of every export.
const FIXED_COLUMNS: [&str; 6] = ["user_id", "email", "name", "phone", "company", "tags"];

/// All contacts, in the format of an import.
#[utoipa::path(get, path = "/contacts/export.csv", operation_id = "exportContacts",
    tag = "contacts",
    responses(
        (status = 200, description = "`user_id`, `email`, `name`, `phone`, `company`, `tags` and \
            `custom.<key>`. A cell that a spreadsheet would run as a formula has a `'` in front.",
            body = String, content_type = "text/csv"),
        Problems<(ApiCaller,)>,
    ))]
pub(super) async fn all(State(app): State<Arc<App>>, caller: ApiCaller) -> ApiResult<Response> {
    Ok(export(app, ContactSearch::default().into_request(caller.organization)).await?)
}

/// The contacts that match a search, in the format of an import. `sort`, `limit` and `cursor` are
/// ignored.
#[utoipa::path(post, path = "/contacts/export.csv", operation_id = "exportFoundContacts",
    tag = "contacts", request_body = ContactSearch,
    responses(
        (status = 200, description = "As in the export of all contacts.", body = String,
            content_type = "text/csv"),
        Problems<(ApiCaller, Body<ContactSearch>)>,
    ))]
pub(super) async fn found(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    body: Body<ContactSearch>,
) -> ApiResult<Response> {
    Ok(export(app, body.content()?.into_request(caller.organization)).await?)
}

/// The first page is read before the answer begins, so that a bad search is answered as a problem.
async fn export(app: Arc<App>, mut request: SearchContactsRequest) -> Result<Response> {
    "created_at".clone_into(&mut request.order_by);
    request.page_size = i32::from(PageSize::MAX);
    request.page_token.clear();
    let attributes = ListAttributeKeysRequest { organization_id: request.organization_id.clone() };
    let keys = app.clients.contacts().list_attribute_keys(attributes).await.map_err(Error::from)?;
    let keys = keys.into_inner().keys;
    let mut page = search(&app, &request).await?;
    let pages = try_stream! {
        let mut writer = Writer::from_writer(Vec::new());
        let header = FIXED_COLUMNS.iter().map(|name| Cow::Borrowed(*name));
        let custom = keys.iter().map(|key| Cow::Owned(format!("custom.{key}")));
        let header: Vec<Cow<'_, str>> = header.chain(custom).collect();
        writer.write_record(header.iter().map(|name| name.as_bytes())).map_err(Error::internal)?;
        loop {
            for contact in &page.0 {
                write(&mut writer, contact, &keys).map_err(Error::internal)?;
            }
            let written = std::mem::replace(&mut writer, Writer::from_writer(Vec::new()));
            let written = written.into_inner().map_err(|error| Error::internal(error.into_error()));
            yield Bytes::from(written?);
            if page.1.is_empty() {
                break;
            }
            request.page_token = page.1;
            page = next_page(&app, &request).await?;
        }
    };
    let pages: std::pin::Pin<Box<dyn futures::Stream<Item = Result<Bytes>> + Send>> =
        Box::pin(pages);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"contacts.csv\""),
    ];
    Ok((headers, ResponseBody::from_stream(pages)).into_response())
}

/// A page, and the token of the next one.
async fn search(app: &App, request: &SearchContactsRequest) -> Result<(Vec<Contact>, String)> {
    let answer = app.clients.contacts().search_contacts(request.clone()).await;
    let page = answer.map_err(search_error)?.into_inner();
    Ok((page.contacts, page.next_page_token))
}

/// The same for a further page. The answer has begun, so when too many searches wait it is tried
/// again instead of being cut short.
async fn next_page(app: &App, request: &SearchContactsRequest) -> Result<(Vec<Contact>, String)> {
    let mut attempts = 0;
    loop {
        match search(app, request).await {
            Err(error) if error.retry_after.is_some() && attempts < MAX_PAGE_RETRIES => {
                attempts += 1;
                sleep(error.retry_after.unwrap_or_default()).await;
            }
            done => return done,
        }
    }
}

fn write(writer: &mut Writer<Vec<u8>>, contact: &Contact, keys: &[String]) -> csv::Result<()> {
    let person = contact.person.clone().unwrap_or_default();
    let name = if person.name_generated { String::new() } else { person.name };
    let usual = [person.user_id, person.email, Some(name), person.phone, person.company];
    let custom = json::object(person.custom_data);
    let value = |key: &String| match custom.get(key) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let usual = usual.into_iter().map(Option::unwrap_or_default);
    let cells = usual.chain([contact.tags.join(",")]).chain(keys.iter().map(value));
    writer.write_record(cells.map(guard))
}

/// A cell that no spreadsheet runs as a formula. An import removes exactly what was added.
pub(super) fn guard(cell: String) -> String {
    match guard_formulas(&cell) {
        Cow::Borrowed(_) => cell,
        Cow::Owned(guarded) => guarded,
    }
}

#[cfg(test)]
mod tests {
    use onethread_proto::identity::Person;

    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_is_in_its_column() {
        let mut writer = Writer::from_writer(Vec::new());
        let contact = |user_id: &str, name: &str, generated: bool| Contact {
            person: Some(Person {
                user_id: Some(user_id.to_owned()),
                name: name.to_owned(),
                name_generated: generated,
                phone: Some("+49 30 1".to_owned()),
                ..Person::default()
            }),
            tags: vec!["a".to_owned(), "b".to_owned()],
            ..Contact::default()
        };
        for (user_id, name, generated) in
            [("=1+1", "-x", false), ("'q", "\tt", false), ("@", "Giant Duck (anonym)", true)]
        {
            write(&mut writer, &contact(user_id, name, generated), &["plan".to_owned()]).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let rest = ",'+49 30 1,,\"a,b\",\n";
        assert_eq!(text, format!("'=1+1,,'-x{rest}''q,,'\tt{rest}'@,,{rest}"));
    }
}
