//! Widgets that repeat one kind of call: write, start, read.

use hyper::StatusCode;
use onethread_tests::{TestServer, Widget};
use serde_json::json;
use uuid::Uuid;

use crate::{http::Http, load::Caller, sends::TEXT};

/// Logs in the contact with this number.
pub(crate) async fn log_in(server: &TestServer, number: usize) -> Widget {
    let user = json!({
        "user_id": format!("bench-{number}"), "name": format!("Person {number}"),
        "email": format!("bench-{number}@example.com"), "custom_data": {"plan": "pro"},
    });
    server.start_session(&user).await
}

/// Opens a connection with the session of a widget.
pub(crate) async fn connect(server: &TestServer, widget: &Widget) -> Http {
    let token = widget.start["session"]["token"].as_str().expect("a session has a token");
    Http::connect(server.process.address("http")).await.with_token(token)
}

/// A widget that sends messages.
pub(crate) struct Writer {
    http: Http,
    next: u128,
}

impl Writer {
    pub(crate) async fn new(server: &TestServer, widget: &Widget) -> Self {
        let next = server.random.uuid().as_u128();
        Self { http: connect(server, widget).await, next }
    }

    /// Sends a message, and returns its client message id.
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

/// A widget that is started repeatedly on the same device.
pub(crate) struct Opener {
    http: Http,
    body: String,
    least: usize,
}

impl Opener {
    /// Creates one of a contact with at least fifty messages.
    pub(crate) async fn known(server: &TestServer, number: usize, widget: &Widget) -> Self {
        let mut body = server.init_body(&json!({"user_id": format!("bench-{number}")}));
        body["deviceToken"] = json!(widget.device().0);
        let again = server.api.post("/widget/v1/init", &body).await.expect(200);
        let messages = again["conversation"]["messages"].as_array().map(Vec::len);
        assert_eq!((again["mode"].as_str(), messages), (Some("contact"), Some(50)));
        Self::new(server, body.to_string(), 50 * TEXT.len()).await
    }

    /// Creates one of a visitor who is new at each start.
    pub(crate) async fn visitor(server: &TestServer) -> Self {
        let body = server.init_body(&json!({})).to_string();
        Self::new(server, body, 100).await
    }

    async fn new(server: &TestServer, body: String, least: usize) -> Self {
        Self { http: Http::connect(server.process.address("http")).await, body, least }
    }
}

impl Caller for Opener {
    async fn call(&mut self) {
        let (status, answer) = self.http.post("/widget/v1/init", self.body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        assert!(answer.len() > self.least, "the whole of it");
    }
}

/// A widget that reads a page of messages.
pub(crate) struct Reader {
    http: Http,
    path: String,
}

impl Reader {
    pub(crate) async fn new(server: &TestServer, widget: &Widget, query: &str) -> Self {
        let path = format!("/widget/v1/messages?limit=50{query}");
        Self { http: connect(server, widget).await, path }
    }
}

impl Caller for Reader {
    async fn call(&mut self) {
        let (status, answer) = self.http.get(&self.path).await;
        assert_eq!(status, StatusCode::OK, "{answer:?}");
        assert!(answer.len() > 50 * TEXT.len(), "a whole page");
    }
}
