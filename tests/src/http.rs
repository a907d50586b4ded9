//! The JSON API as a client sees it: calls, answers, and the form every error has.

use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;

use crate::{LONG, SHORT, contract};

/// Calls of one caller: an address, and a token where there is one.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: Client,
    token: Option<String>,
}

impl Api {
    /// Calls without a token to `host:port`.
    pub fn new(address: &str) -> Self {
        let client = Client::builder().no_proxy().build().expect("a client is built");
        Self { base: format!("http://{address}"), client, token: None }
    }

    /// The same connections with a token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// A call that isn't sent yet. Has no deadline of its own.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request(Method::POST, path).json(body)).await
    }

    /// PATCH of a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        Reply::of(self.request(Method::PATCH, path).json(body)).await
    }

    /// POST of a JSON body; an answer that didn't come is an error, as when the server is killed.
    pub async fn try_post(&self, path: &str, body: &Value) -> Result<Reply, reqwest::Error> {
        let request = self.request(Method::POST, path).json(body).timeout(SHORT);
        Reply::fetch(request).await
    }

    /// GET; an answer that didn't come is an error.
    pub async fn try_get(&self, path: &str) -> Result<Reply, reqwest::Error> {
        Reply::fetch(self.request(Method::GET, path).timeout(SHORT)).await
    }

    /// Every item of a list, page by page.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let sign = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{sign}limit=200{cursor}")).await.expect(200);
            items.extend(page["items"].as_array().expect("a list has items").iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null where it is none.
    pub body: Value,
}

impl Reply {
    /// Sends a request and reads its answer, within the usual deadline.
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = Self::fetch(request.timeout(SHORT * 3)).await;
        answer.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// The same for what takes its time, such as a large file.
    pub async fn patiently(request: RequestBuilder) -> Self {
        let answer = Self::fetch(request.timeout(LONG * 5)).await;
        answer.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    /// Whatever it is, it conforms to the server's own document.
    async fn fetch(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let (client, request) = request.build_split();
        let request = request?;
        let (method, url) = (request.method().clone(), request.url().clone());
        let response = client.execute(request).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await?;
        contract::check(&method, &url, status, &headers, &text).await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, text, body })
    }

    /// The body, provided that the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "unexpected answer: {}", self.text);
        self.body
    }

    /// A header as text; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body of an error, provided that it is one, with this status and reason and all that
    /// a problem body has.
    #[track_caller]
    pub fn problem(self, status: u16, reason: &str) -> Value {
        assert_eq!(self.status, status, "unexpected answer: {}", self.text);
        let kind = self.header("content-type").to_owned();
        assert!(kind.starts_with("application/problem+json"), "{kind}: {}", self.text);
        let body = self.body;
        if !reason.is_empty() {
            assert_eq!(body["type"], format!("/problems/{reason}"), "{body}");
        }
        assert!(body["type"].as_str().is_some_and(|t| t.starts_with("/problems/")), "{body}");
        assert_eq!(body["status"], status, "{body}");
        for text in ["title", "detail"] {
            assert!(body[text].as_str().is_some_and(|t| !t.is_empty()), "no {text}: {body}");
        }
        let trace = body["traceId"].as_str().unwrap_or_default();
        let hex = trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(hex, "traceId is no trace id: {body}");
        body
    }

    /// A 400 whose errors name this field.
    #[track_caller]
    pub fn refuses(self, pointer: &str) -> Value {
        let body = self.problem(400, "");
        let pointers: Vec<_> = body["errors"].as_array().into_iter().flatten().collect();
        assert!(pointers.iter().any(|e| e["pointer"] == pointer), "not at {pointer}: {body}");
        body
    }
}
