//! Widgets that do one thing again and again: write, start, read.

use hyper::StatusCode;
use onethread_tests::{Stage, Widget};
use serde_json::json;
use uuid::Uuid;

use crate::{http::Http, load::Caller, sends::TEXT};

/// The one who is known by this number.
pub(crate) async fn known(stage: &Stage, number: usize) -> Widget {
    let user = json!({
        "user_id": format!("bench-{number}"), "name": format!("Person {number}"),
        "email": format!("bench-{number}@example.com"), "custom_data": {"plan": "pro"},
    });
    stage.open(&user).await
}

/// A connection with the session of a widget.
pub(crate) async fn connect(stage: &Stage, widget: &Widget) -> Http {
    let token = widget.start["session"]["token"].as_str().expect("a session has a token");
    Http::connect(stage.server.address("http")).await.with_token(token)
}

/// One who writes.
pub(crate) struct Writer {
    http: Http,
    next: u128,
}

impl Writer {
    pub(crate) async fn new(stage: &Stage, widget: &Widget) -> Self {
        let next = stage.chance.uuid().as_u128();
        Self { http: connect(stage, widget).await, next }
    }

    /// Writes, and says the message's id of the client.
    pub(crate) async fn write(&mut self) -> Uuid {
        let id = self.next_id();
        self.write_as(id).await;
        id
    }

    pub(crate) fn next_id(&mut self) -> Uuid {
        self.next = self.next.wrapping_add(1);
        Uuid::from_u128(self.next)
    }

    pub(crate) async fn write_as(&mut self, id: Uuid) {
        let body = json!({"clientMessageId": id, "text": TEXT}).to_string();
        let (status, answer) = self.http.post("/widget/v1/messages", body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer:?}");
    }
}

impl Caller for Writer {
    async fn call(&mut self) {
        self.write().await;
    }
}

/// One who opens a page again, on the same device.
pub(crate) struct Opener {
    http: Http,
    body: String,
    least: usize,
}

impl Opener {
    /// A known one with at least fifty messages.
    pub(crate) async fn known(stage: &Stage, number: usize, widget: &Widget) -> Self {
        let mut body = stage.init_body(&json!({"user_id": format!("bench-{number}")}));
        body["deviceToken"] = json!(widget.device().0);
        let again = stage.api.post("/widget/v1/init", &body).await.expect(200);
        let messages = again["conversation"]["messages"].as_array().map(Vec::len);
        assert_eq!((again["mode"].as_str(), messages), (Some("contact"), Some(50)));
        Self::new(stage, body.to_string(), 50 * TEXT.len()).await
    }

    /// A visitor who is new each time.
    pub(crate) async fn visitor(stage: &Stage) -> Self {
        let body = stage.init_body(&json!({})).to_string();
        Self::new(stage, body, 100).await
    }

    async fn new(stage: &Stage, body: String, least: usize) -> Self {
        Self { http: Http::connect(stage.server.address("http")).await, body, least }
    }
}

impl Caller for Opener {
    async fn call(&mut self) {
        let (status, answer) = self.http.post("/widget/v1/init", self.body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        assert!(answer.len() > self.least, "the whole of it");
    }
}

/// One who reads a page of messages.
pub(crate) struct Reader {
    http: Http,
    path: String,
}

impl Reader {
    pub(crate) async fn new(stage: &Stage, widget: &Widget, query: &str) -> Self {
        let path = format!("/widget/v1/messages?limit=50{query}");
        Self { http: connect(stage, widget).await, path }
    }
}

impl Caller for Reader {
    async fn call(&mut self) {
        let (status, answer) = self.http.get(&self.path).await;
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        assert!(answer.len() > 50 * TEXT.len(), "a whole page");
    }
}
