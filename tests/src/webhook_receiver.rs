//! A receiver of webhooks that accepts and stores all deliveries.

use reqwest::Method;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::LONG_TIMEOUT;

/// A delivery to a webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The header `Onethread-Signature`.
    pub signature: String,
    /// The header `traceparent`.
    pub traceparent: String,
    /// The body as text.
    pub text: String,
    /// The body as JSON.
    pub body: Value,
}

/// A receiver that listens on loopback until it is dropped.
#[derive(Debug)]
pub struct WebhookReceiver {
    url: String,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    server: tokio::task::JoinHandle<()>,
}

impl WebhookReceiver {
    /// Starts listening.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        let (sender, deliveries) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    // The server repeats deliveries whose connection breaks.
                    if let Some(delivery) = receive(stream).await {
                        let _ = sender.send(delivery);
                    }
                });
            }
        });
        Self { url, deliveries, server }
    }

    /// Returns the URL of the receiver.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits for the next delivery.
    pub async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(LONG_TIMEOUT / 4, self.deliveries.recv()).await;
        next.expect("a delivery arrives").expect("the receiver listens")
    }

    /// True when no further delivery has arrived.
    pub fn has_no_delivery(&mut self) -> bool {
        self.deliveries.try_recv().is_err()
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(mut stream: TcpStream) -> Option<Delivery> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&part[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length: usize = header(&head, "content-length")?.parse().ok()?;
        if bytes.len() >= end + 4 + length {
            break (head, length);
        }
    };
    assert!(head.starts_with(Method::POST.as_str()), "{head}");
    let text = String::from_utf8(bytes.split_off(bytes.len() - length)).expect("JSON is UTF-8");
    let body = serde_json::from_str(&text).expect("a delivery is JSON");
    let signature = header(&head, "onethread-signature").expect("a delivery is signed").to_owned();
    let traceparent = header(&head, "traceparent").unwrap_or_default().to_owned();
    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok()?;
    Some(Delivery { signature, traceparent, text, body })
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim())
}
