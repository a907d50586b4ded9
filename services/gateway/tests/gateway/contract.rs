//! Answers compared with the gateway's own document: the status, the content type and every member of
//! every answer have to be documented.

use std::net::SocketAddr;

use http::HeaderMap;
use jsonschema::Draft;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;

/// The document, which is the same on every gateway.
async fn document(address: impl std::fmt::Display) -> &'static Value {
    static DOCUMENT: OnceCell<Value> = OnceCell::const_new();
    let fetch = || async move {
        let answer = Client::new().get(format!("http://{address}/openapi.json")).send().await;
        answer.unwrap().json().await.unwrap()
    };
    DOCUMENT.get_or_init(fetch).await
}

/// An answer that conforms.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// JSON, or the text.
    pub(crate) body: Value,
    /// The operation; `None` for an unknown address or method.
    pub(crate) operation: Option<&'static str>,
}

/// Calls, and checks the answer.
pub(crate) async fn send(call: RequestBuilder) -> Answer {
    let (client, request) = call.build_split();
    let request = request.unwrap();
    let method = request.method().clone();
    let response = client.execute(request).await.unwrap();
    let operation = check_head(method, &response).await;
    let document = document(host(&response)).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let kind = content_type(&headers);
    let body = if kind.ends_with("json") {
        serde_json::from_str(&text).unwrap()
    } else {
        Value::String(text)
    };
    let mut schema = &json!({"$ref": "#/components/schemas/Problem"});
    if let Some(operation) = operation {
        schema = &operation["responses"][status.to_string()]["content"][&kind]["schema"];
    }
    if !kind.is_empty() {
        conforms(document, schema, &body);
    }
    let operation = operation.map(|operation| operation["operationId"].as_str().unwrap());
    Answer { status, headers, body, operation }
}

/// Checks that the answer's status and content type are documented; answers the operation.
pub(crate) async fn check_head(method: Method, response: &Response) -> Option<&'static Value> {
    let document = document(host(response)).await;
    let (path, status) = (response.url().path(), response.status().as_u16());
    let kind = content_type(response.headers());
    let item = document["paths"].as_object().unwrap().iter().find(|(at, _)| matches(at, path));
    let operation = item.and_then(|(_, item)| item.get(method.as_str().to_lowercase()));
    let Some(operation) = operation else {
        assert!(matches!(status, 404 | 405), "{method} {path} answered {status}");
        assert_eq!(kind, "application/problem+json");
        return None;
    };
    let answer = &operation["responses"][status.to_string()];
    assert!(answer.is_object(), "{status} of {method} {path} is not documented");
    match answer.get("content") {
        Some(content) => {
            assert!(content.get(&kind).is_some(), "{kind} of {method} {path} is not documented");
        }
        None => assert_eq!(kind, "", "{method} {path}"),
    }
    for header in answer.get("headers").and_then(Value::as_object).into_iter().flat_map(Map::keys) {
        assert!(response.headers().contains_key(header), "{header} of {method} {path}");
    }
    Some(operation)
}

/// Checks an event's data.
pub(crate) async fn check_event(address: SocketAddr, name: &str, data: &Value) {
    let schema = match name {
        "message" if data.get("conversationId").is_some() => "MessageOfConversation",
        "message" => "Message",
        "conversation" => "Conversation",
        "read" => "Read",
        "typing" => "Typing",
        "contact" => "Person",
        "import" => "Import",
        "reload" | "session-ended" => return assert_eq!(*data, json!({})),
        other => panic!("{other} is not an event"),
    };
    let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
    conforms(document(address).await, &schema, data);
}

fn host(response: &Response) -> String {
    let url = response.url();
    format!("{}:{}", url.host_str().unwrap(), url.port().unwrap())
}

/// Without its parameters; empty where there is none.
fn content_type(headers: &HeaderMap) -> String {
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
    kind.split(';').next().unwrap().to_owned()
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    let part = |(expected, part): (&str, &str)| expected == part || expected.starts_with('{');
    template.clone().count() == path.clone().count() && template.zip(path).all(part)
}

fn conforms(document: &Value, schema: &Value, value: &Value) {
    let mut whole = closed(schema, false);
    let schemas = document["components"]["schemas"].as_object().unwrap().iter();
    let schemas: Map<_, _> = schemas.map(|(name, one)| (name.clone(), closed(one, true))).collect();
    whole["components"] = json!({ "schemas": schemas });
    let options = jsonschema::options().with_draft(Draft::Draft202012);
    let validator = options.should_validate_formats(true).build(&whole).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{value:#}");
}

/// The schema without members that it doesn't name. A part of another schema leaves that to the
/// whole.
fn closed(schema: &Value, part: bool) -> Value {
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(schemas) => return schemas.iter().map(|one| closed(one, part)).collect(),
        other => return other.clone(),
    };
    let inner = |(name, value): (&String, &Value)| {
        let value = match name.as_str() {
            "properties" => {
                let each = value.as_object().unwrap().iter();
                each.map(|(name, one)| (name.clone(), closed(one, false))).collect()
            }
            name => closed(value, name == "allOf"),
        };
        (name.clone(), value)
    };
    let mut closed: Map<_, _> = members.iter().map(inner).collect();
    if !part && ["$ref", "properties", "allOf"].iter().any(|name| members.contains_key(*name)) {
        closed.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    Value::Object(closed)
}

#[test]
fn an_answer_that_does_not_conform_is_detected() {
    let document = json!({"components": {"schemas": {
        "A": {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}},
        "B": {"allOf": [
            {"$ref": "#/components/schemas/A"},
            {"type": "object", "properties": {"b": {"type": "string", "format": "uuid"}}},
        ]},
    }}});
    let fits = |value: Value| {
        let schema = json!({"$ref": "#/components/schemas/B"});
        std::panic::catch_unwind(|| conforms(&document, &schema, &value)).is_ok()
    };
    assert!(fits(json!({"a": "x", "b": "00000000-0000-7000-8000-000000000001"})));
    assert!(!fits(json!({"b": "00000000-0000-7000-8000-000000000001"})), "a is missing");
    assert!(!fits(json!({"a": "x", "b": "x"})), "b isn't an id");
    assert!(!fits(json!({"a": "x", "c": 1})), "c is not documented");
}
