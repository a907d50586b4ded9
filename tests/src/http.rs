//! A client of the JSON API, and checks of its responses.

use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::Value;

use crate::{LONG_TIMEOUT, SHORT_TIMEOUT, contract};

/// A client with an address and an optional token.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: Client,
    token: Option<String>,
}

impl Api {
    /// Creates a client without a token for `host:port`.
    pub fn new(address: &str) -> Self {
        let client = Client::builder().no_proxy().build().expect("a client is built");
        Self { base: format!("http://{address}"), client, token: None }
    }

    /// Returns a client with a token, which uses the same connections.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Returns the token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Creates a request without a timeout.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a GET request.
    pub async fn get(&self, path: &str) -> ApiResponse {
        ApiResponse::send(self.request(Method::GET, path)).await
    }

    /// Sends a POST request with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> ApiResponse {
        ApiResponse::send(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a PATCH request with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> ApiResponse {
        ApiResponse::send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sends a POST request with a JSON body. Without a response, for example because the server
    /// was killed, it returns an error.
    pub async fn try_post(&self, path: &str, body: &Value) -> Result<ApiResponse, reqwest::Error> {
        let request = self.request(Method::POST, path).json(body).timeout(SHORT_TIMEOUT);
        ApiResponse::fetch(request).await
    }

    /// Sends a GET request. Without a response it returns an error.
    pub async fn try_get(&self, path: &str) -> Result<ApiResponse, reqwest::Error> {
        ApiResponse::fetch(self.request(Method::GET, path).timeout(SHORT_TIMEOUT)).await
    }

    /// Returns all items of a list.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{separator}limit=200{cursor}")).await.expect(200);
            items.extend(page["items"].as_array().expect("a list has items").iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return items,
            }
        }
    }
}

/// A response and its body.
#[derive(Debug)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null if it is not JSON.
    pub body: Value,
}

impl ApiResponse {
    /// Sends a request with the usual timeout.
    pub async fn send(request: RequestBuilder) -> Self {
        let response = Self::fetch(request.timeout(SHORT_TIMEOUT * 3)).await;
        response.unwrap_or_else(|error| panic!("no response: {error:?}"))
    }

    /// Sends a request that takes long, such as a large file.
    pub async fn send_with_long_timeout(request: RequestBuilder) -> Self {
        let response = Self::fetch(request.timeout(LONG_TIMEOUT * 5)).await;
        response.unwrap_or_else(|error| panic!("no response: {error:?}"))
    }

    /// Sends a request and checks its response against the server's OpenAPI document.
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

    /// Checks the status and returns the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "unexpected response: {}", self.text);
        self.body
    }

    /// Returns a header as text, or an empty text if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks that the response is a complete problem with this status and reason (any reason if it
    /// is empty), and returns the body.
    #[track_caller]
    pub fn expect_problem(self, status: u16, reason: &str) -> Value {
        assert_eq!(self.status, status, "unexpected response: {}", self.text);
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
        assert!(hex, "traceId is not a trace id: {body}");
        body
    }

    /// Checks that the response is a 400 whose errors name this field, and returns the body.
    #[track_caller]
    pub fn expect_invalid(self, pointer: &str) -> Value {
        let body = self.expect_problem(400, "");
        let pointers: Vec<_> = body["errors"].as_array().into_iter().flatten().collect();
        assert!(pointers.iter().any(|e| e["pointer"] == pointer), "not at {pointer}: {body}");
        body
    }
}
