//! Checks every response that a test receives against the server's OpenAPI document: its status,
//! its content type, and its members, of which none may be missing or undocumented.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use jsonschema::{Draft, Validator};
use reqwest::{Method, Url, header::HeaderMap};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

/// The document. It is the same for all servers of this build.
static DOCUMENT: OnceCell<Value> = OnceCell::const_new();

/// Compiled schemas, by operation, status and content type.
static VALIDATORS: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);

/// Checks a response of the JSON API. Other pages are ignored. It fails when the document can't be
/// fetched.
pub(crate) async fn check(
    method: &Method,
    url: &Url,
    status: u16,
    headers: &HeaderMap,
    text: &str,
) -> Result<(), reqwest::Error> {
    let path = url.path();
    let is_api = path.starts_with("/v1/") || path.starts_with("/widget/v1/");
    // Preflight requests are not documented.
    if !is_api || method == Method::OPTIONS {
        return Ok(());
    }
    let document = DOCUMENT.get_or_try_init(|| fetch(url)).await?;
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().expect("a text"));
    let kind = kind.split(';').next().unwrap_or_default();
    let call = format!("{method} {path} returned {status}");
    let Some(operation) = operation(document, method, path) else {
        assert!(matches!(status, 404 | 405), "{call}, but the call is not documented: {text}");
        assert_eq!(kind, "application/problem+json", "{call}");
        return Ok(());
    };
    let response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{call}, which is not documented: {text}");
    let Some(content) = response.get("content") else {
        assert_eq!(kind, "", "{call} with a body: {text}");
        return Ok(());
    };
    let schema = &content[kind]["schema"];
    assert!(schema.is_object(), "{call} with {kind}, which is not documented");
    let documented = response.get("headers").and_then(Value::as_object);
    for header in documented.into_iter().flat_map(Map::keys) {
        assert!(headers.contains_key(header), "{call} without {header}");
    }
    if kind.ends_with("json") {
        let body: Value = serde_json::from_str(text).expect("a body of JSON is JSON");
        let name = format!("{} {status} {kind}", operation["operationId"]);
        let errors: Vec<_> = cached_validator(document, name, schema)
            .iter_errors(&body)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{call}: {errors:#?}\n{body:#}");
    }
    Ok(())
}

/// Returns all operations of the document, such as `GET /v1/contacts/{id}`.
pub async fn documented_operations(address: &str) -> BTreeSet<String> {
    let url = Url::parse(&format!("http://{address}/v1/")).expect("an address makes a URL");
    let document = DOCUMENT.get_or_try_init(|| fetch(&url)).await.expect("there is a document");
    let paths = document["paths"].as_object().expect("a document has paths").iter();
    let calls = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flat_map(Map::keys);
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    calls.collect()
}

/// Checks the body of a webhook request against the document.
pub async fn check_webhook_body(address: &str, body: &Value) {
    let url = Url::parse(&format!("http://{address}/v1/")).expect("an address makes a URL");
    let document = DOCUMENT.get_or_try_init(|| fetch(&url)).await.expect("there is a document");
    let event = body["event"].as_str().expect("the body names its event");
    let schema = &document["webhooks"][event]["post"]["requestBody"]["content"];
    let schema = &schema["application/json"]["schema"];
    assert!(schema.is_object(), "{event} is not documented");
    let name = format!("webhook {event}");
    let errors: Vec<_> = cached_validator(document, name, schema)
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{event}: {errors:#?}\n{body:#}");
}

async fn fetch(url: &Url) -> Result<Value, reqwest::Error> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let address = url.join("/openapi.json").expect("a path joins");
    client.get(address).send().await?.json().await
}

/// Finds the operation of a call. Paths without parameters take precedence.
fn operation<'d>(document: &'d Value, method: &Method, path: &str) -> Option<&'d Value> {
    let paths = document["paths"].as_object()?;
    let candidates = || paths.iter().filter(|(template, _)| matches(template, path));
    let exact = candidates().find(|(template, _)| *template == path);
    let (_, item) = exact.or_else(|| candidates().next())?;
    item.get(method.as_str().to_lowercase())
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    let part = |(expected, part): (&str, &str)| expected == part || expected.starts_with('{');
    template.clone().count() == path.clone().count() && template.zip(path).all(part)
}

fn cached_validator(document: &Value, name: String, schema: &Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = validators.get_or_insert_default().entry(name);
    entry.or_insert_with(|| Arc::new(validator(document, schema))).clone()
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let mut whole = closed(schema, false);
    let schemas = document["components"]["schemas"].as_object().expect("there are schemas").iter();
    let schemas: Map<_, _> = schemas.map(|(name, one)| (name.clone(), closed(one, true))).collect();
    whole["components"] = json!({ "schemas": schemas });
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    options.should_validate_formats(true).build(&whole).expect("the document's schemas are valid")
}

/// Returns a schema that allows no undocumented members. In an `allOf` only the outer schema can
/// forbid them, so a part of one stays open.
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
    fn bodies_that_do_not_conform_are_detected() {
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
