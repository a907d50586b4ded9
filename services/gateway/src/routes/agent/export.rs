//! Contacts as CSV, a page at a time, in the order they were made: whoever comes meanwhile is in
//! or not, and nobody is left out or there twice.

use std::{borrow::Cow, sync::Arc};

use async_stream::try_stream;
use axum::{
    body::Body as Stream,
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use csv::Writer;
use http::header;
use onethread_core::PageSize;
use onethread_errors::{Error, Result};
use onethread_proto::identity::{Contact, ListAttributeKeysRequest, SearchContactsRequest};
use serde_json::Value;

use crate::{
    app::App,
    auth::Staff,
    extract::Body,
    json::{self, ContactSearch},
    openapi::Refusals,
    problem::{ApiResult, from_service},
};

/// Columns that every export has.
const USUAL: [&str; 6] = ["user_id", "email", "name", "phone", "company", "tags"];

/// All of Contacts, as an import takes it.
#[utoipa::path(get, path = "/contacts/export.csv", operation_id = "exportContacts",
    tag = "contacts",
    responses(
        (status = 200, description = "`user_id`, `email`, `name`, `phone`, `company`, `tags` and \
            `custom.<key>`. A cell that a spreadsheet would run has a `'` in front.",
            body = String, content_type = "text/csv"),
        Refusals<(Staff,)>,
    ))]
pub(super) async fn all(State(app): State<Arc<App>>, staff: Staff) -> ApiResult<Response> {
    Ok(export(app, json::search(staff.organization, &Body::default())?).await?)
}

/// Those who fit a search, as an import takes them. `sort`, `limit` and `cursor` don't count.
#[utoipa::path(post, path = "/contacts/export.csv", operation_id = "exportFoundContacts",
    tag = "contacts", request_body = ContactSearch,
    responses(
        (status = 200, description = "As for all of them.", body = String,
            content_type = "text/csv"),
        Refusals<(Staff, Body)>,
    ))]
pub(super) async fn found(
    State(app): State<Arc<App>>,
    staff: Staff,
    body: Body,
) -> ApiResult<Response> {
    Ok(export(app, json::search(staff.organization, &body)?).await?)
}

/// Fails before the answer begins where the search itself is at fault.
async fn export(app: Arc<App>, mut request: SearchContactsRequest) -> Result<Response> {
    "createdAt".clone_into(&mut request.sort);
    request.page_size = i32::from(PageSize::MAX);
    request.page_token.clear();
    let wanted = ListAttributeKeysRequest { organization_id: request.organization_id.clone() };
    let keys = app.contacts().list_attribute_keys(wanted).await.map_err(from_service)?;
    let keys = keys.into_inner().keys;
    let mut page = search(&app, &request).await?;
    let pages = try_stream! {
        let mut writer = Writer::from_writer(Vec::new());
        let header = USUAL.iter().map(|name| Cow::Borrowed(*name));
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
            page = search(&app, &request).await?;
        }
    };
    let pages: std::pin::Pin<Box<dyn futures::Stream<Item = Result<Bytes>> + Send>> =
        Box::pin(pages);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"contacts.csv\""),
    ];
    Ok((headers, Stream::from_stream(pages)).into_response())
}

/// A page, and where the next one begins.
async fn search(app: &App, request: &SearchContactsRequest) -> Result<(Vec<Contact>, String)> {
    let answer = app.contacts().search_contacts(request.clone()).await.map_err(from_service)?;
    let page = answer.into_inner();
    Ok((page.contacts, page.next_page_token))
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
    writer.write_record(cells.map(harmless))
}

/// What a spreadsheet would run as a formula has a `'` in front, and so has what begins with one,
/// so that an import takes off exactly what was put on.
pub(super) fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use onethread_proto::identity::Person;

    use super::*;

    #[test]
    fn no_cell_runs_and_each_stands_in_its_column() {
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
