//! A reader of event streams, which also checks their format.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::SHORT_TIMEOUT;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Name.
    pub name: String,
    /// Id; only messages have one.
    pub id: Option<String>,
    /// Data.
    pub data: Value,
}

/// An open stream.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    /// Opens a stream. Panics if the response isn't one.
    pub async fn open(request: RequestBuilder) -> Self {
        Self::try_open(request).await.unwrap_or_else(|error| panic!("no stream: {error}"))
    }

    /// Opens a stream. The error contains the status or another cause.
    pub async fn try_open(request: RequestBuilder) -> Result<Self, String> {
        let request = request.header("accept", "text/event-stream");
        let response = tokio::time::timeout(SHORT_TIMEOUT, request.send()).await;
        let response = response.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        if response.status() != 200 {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let kind = response.headers().get("content-type").map(|kind| kind.as_bytes().to_vec());
        if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
            return Err("not an event stream".to_owned());
        }
        Ok(Self { response, buffer: Vec::new() })
    }

    /// Waits for the next event, ignoring comments. `None` when the stream ends or breaks.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<_> = self.buffer.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("events are UTF-8");
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
            }
            self.buffer.extend_from_slice(&self.response.chunk().await.ok()??);
        }
    }

    /// Waits for the next event, with a timeout.
    pub async fn expect_next(&mut self) -> Event {
        let next = tokio::time::timeout(SHORT_TIMEOUT, self.next()).await;
        next.expect("an event arrives").expect("the stream continues")
    }

    /// Returns the data of the next event with this name, ignoring others.
    pub async fn expect(&mut self, name: &str) -> Value {
        self.expect_where(name, |_| true).await
    }

    /// Returns the data of the next event with this name that matches, ignoring others.
    pub async fn expect_where(&mut self, name: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let search = async {
            loop {
                let event = self.next().await.expect("the stream continues");
                if event.name == name && matches(&event.data) {
                    return event.data;
                }
            }
        };
        let found = tokio::time::timeout(SHORT_TIMEOUT, search).await;
        found.unwrap_or_else(|_| panic!("no matching {name} event arrived"))
    }

    /// Returns all events until the end of the stream, with a timeout.
    pub async fn until_end(&mut self, within: Duration) -> Vec<Event> {
        let rest = async {
            let mut events = Vec::new();
            while let Some(event) = self.next().await {
                events.push(event);
            }
            events
        };
        let rest = tokio::time::timeout(within, rest).await;
        rest.unwrap_or_else(|_| panic!("the stream did not end within {within:?}"))
    }

    /// Returns the data of the next event with this name. Panics if an unwanted event is before it.
    pub async fn expect_without(&mut self, name: &str, unwanted: &str) -> Value {
        let search = async {
            loop {
                let event = self.next().await.expect("the stream continues");
                assert_ne!(event.name, unwanted, "{}", event.data);
                if event.name == name {
                    return event.data;
                }
            }
        };
        tokio::time::timeout(SHORT_TIMEOUT, search)
            .await
            .unwrap_or_else(|_| panic!("no {name} event arrived"))
    }
}

/// Parses a block. `None` for a comment.
fn parse(block: &str) -> Option<Event> {
    let mut event = Event { name: "message".to_owned(), id: None, data: Value::Null };
    let mut data = String::new();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => event.id = Some(value.to_owned()),
            "data" => data.push_str(value),
            _ => {}
        }
    }
    if data.is_empty() {
        return None;
    }
    event.data = serde_json::from_str(&data).expect("the data of an event is JSON");
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_not_events() {
        assert_eq!(parse(": still here\n\n"), None);
        assert_eq!(parse("\n\n"), None);
    }

    #[test]
    fn an_event_has_name_id_and_data() {
        let event = parse("event: read\nid: 7\ndata: {\"seq\":7}\n\n").unwrap();
        assert_eq!((event.name.as_str(), event.id.as_deref()), ("read", Some("7")));
        assert_eq!(event.data["seq"], 7);
    }
}
