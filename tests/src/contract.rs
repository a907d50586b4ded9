//! Answers held against the server's own OpenAPI document: every one that a test gets has to stand
//! there, with its status, its content type, and no member more or less.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use jsonschema::{Draft, Validator};
use reqwest::{Method, Url, header::HeaderMap};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

/// The document, the same whichever server of this build says it.
static DOCUMENT: OnceCell<Value> = OnceCell::const_new();

/// Schemas made ready, by call, status and content type.
static READY: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

/// Checks an answer of the JSON API; the pages beside it are none of it. The error is the
/// document's that could not be had.
pub(crate) async fn check(
    method: &Method,
    url: &Url,
    status: u16,
    headers: &HeaderMap,
    text: &str,
) -> Result<(), reqwest::Error> {
    let path = url.path();
    let of_api = path.starts_with("/v1/") || path.starts_with("/widget/v1/");
    // What a browser asks beforehand is no call of its own.
    if !of_api || method == Method::OPTIONS {
        return Ok(());
    }
    let document = DOCUMENT.get_or_try_init(|| fetch(url)).await?;
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().expect("a text"));
    let kind = kind.split(';').next().unwrap_or_default();
    let call = format!("{method} {path} answered {status}");
    let Some(operation) = operation(document, method, path) else {
        assert!(matches!(status, 404 | 405), "{call}, and the document knows no such call: {text}");
        assert_eq!(kind, "application/problem+json", "{call}");
        return Ok(());
    };
    let answer = &operation["responses"][status.to_string()];
    assert!(answer.is_object(), "{call}, which is not documented: {text}");
    let Some(content) = answer.get("content") else {
        assert_eq!(kind, "", "{call} with a body: {text}");
        return Ok(());
    };
    let schema = &content[kind]["schema"];
    assert!(schema.is_object(), "{call} with {kind}, which is not documented");
    for header in answer.get("headers").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        assert!(headers.contains_key(header), "{call} without {header}");
    }
    if kind.ends_with("json") {
        let body: Value = serde_json::from_str(text).expect("a body of JSON is JSON");
        let name = format!("{} {status} {kind}", operation["operationId"]);
        let errors: Vec<_> = ready(document, name, schema)
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{call}: {errors:#?}\n{body:#}");
    }
    Ok(())
}

/// Every call of the document, as `GET /v1/contacts/{id}`.
pub async fn documented(address: &str) -> BTreeSet<String> {
    let url = Url::parse(&format!("http://{address}/v1/")).expect("an address makes a URL");
    let document = DOCUMENT.get_or_try_init(|| fetch(&url)).await.expect("there is a document");
    let paths = document["paths"].as_object().expect("a document has paths").iter();
    let calls = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flat_map(Map::keys);
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    calls.collect()
}

/// Checks what a webhook was sent against what the document says of its event.
pub async fn check_notice(address: &str, notice: &Value) {
    let url = Url::parse(&format!("http://{address}/v1/")).expect("an address makes a URL");
    let document = DOCUMENT.get_or_try_init(|| fetch(&url)).await.expect("there is a document");
    let event = notice["event"].as_str().expect("a notice names its event");
    let schema = &document["webhooks"][event]["post"]["requestBody"]["content"];
    let schema = &schema["application/json"]["schema"];
    assert!(schema.is_object(), "{event} is not documented");
    let name = format!("webhook {event}");
    let errors: Vec<_> = ready(document, name, schema)
        .iter_errors(notice)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{event}: {errors:#?}\n{notice:#}");
}

async fn fetch(url: &Url) -> Result<Value, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let address = url.join("/openapi.json").expect("a path joins");
    client.get(address).send().await?.json().await
}

/// The call: a path without parameters goes before one with.
fn operation<'d>(document: &'d Value, method: &Method, path: &str) -> Option<&'d Value> {
    let paths = document["paths"].as_object()?;
    let fits = || paths.iter().filter(|(template, _)| matches(template, path));
    let exact = fits().find(|(template, _)| *template == path);
    let (_, item) = exact.or_else(|| fits().next())?;
    item.get(method.as_str().to_lowercase())
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    let part = |(wanted, part): (&str, &str)| wanted == part || wanted.starts_with('{');
    template.clone().count() == path.clone().count() && template.zip(path).all(part)
}

fn ready(document: &Value, name: String, schema: &Value) -> Arc<Validator> {
    let mut ready = READY.lock().unwrap_or_else(PoisonError::into_inner);
    let made = ready.get_or_insert_default().entry(name);
    made.or_insert_with(|| Arc::new(validator(document, schema))).clone()
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = closed(schema, false);
    let schemas = document["components"]["schemas"].as_object().expect("there are schemas").iter();
    let schemas: Map<_, _> = schemas.map(|(name, one)| (name.clone(), closed(one, true))).collect();
    whole["components"] = json!({ "schemas": schemas });
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.should_validate_formats(true).build(&whole).expect("the document's schemas are valid")
}

/// The schema with no room for members that it doesn't name. A part of another one leaves that to
/// the whole.
fn closed(schema: &Value, part: bool) -> Value {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(schemas) => return schemas.iter().map(|one| closed(one, part)).collect(),
        other => return other.clone(),
    };
    let inner = |(name, value): (&String, &Value)| {
        let value = match (name.as_str(), value) {
            ("properties", Value::Object(each)) => {
                each.iter().map(|(name, one)| (name.clone(), closed(one, false))).collect()
            }
            (name, value) => closed(value, name == "allOf"),
        };
        (name.clone(), value)
    };
    let mut closed: Map<_, _> = members.iter().map(inner).collect();
    if !part && ["$ref", "properties", "allOf"].iter().any(|name| members.contains_key(*name)) {
        closed.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    Value::Object(closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_conform_is_seen() {
        let document = json!({"components": {"schemas": {
            "A": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
            "B": {"allOf": [
                {"$ref": "#/components/schemas/A"},
                {"type": "object", "properties": {"b": {"type": "string", "format": "uuid"}}},
            ]},
        }}});
        let schema = json!({"$ref": "#/components/schemas/B"});
        let validator = validator(&document, &schema);
        let id = "00000000-0000-7000-8000-000000000001";
        assert!(validator.is_valid(&json!({"a": "x", "b": id})));
        assert!(!validator.is_valid(&json!({"b": id})), "a is missing");
        assert!(!validator.is_valid(&json!({"a": "x", "b": "x"})), "b is no id");
        assert!(!validator.is_valid(&json!({"a": "x", "c": 1})), "c is not documented");
    }
}
