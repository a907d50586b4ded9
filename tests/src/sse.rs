//! A reader of event streams that checks their form and remembers nothing.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::SHORT;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its id; absent on all but messages.
    pub id: Option<String>,
    /// Its data.
    pub data: Value,
}

/// An open stream.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    /// Opens the stream; an answer that isn't one fails the test.
    pub async fn open(request: RequestBuilder) -> Self {
        Self::try_open(request).await.unwrap_or_else(|error| panic!("no stream: {error}"))
    }

    /// Opens the stream; an error tells the status or what else went wrong.
    pub async fn try_open(request: RequestBuilder) -> Result<Self, String> {
        let request = request.header("accept", "text/event-stream");
        let response = tokio::time::timeout(SHORT, request.send()).await;
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

    /// The next event, comments left out; `None` at the stream's end, however it ended.
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

    /// The next event, which has to come in good time.
    pub async fn expect_next(&mut self) -> Event {
        let next = tokio::time::timeout(SHORT, self.next()).await;
        next.expect("an event comes").expect("the stream goes on")
    }

    /// The data of the next event of this name; others before it are passed over.
    pub async fn expect(&mut self, name: &str) -> Value {
        self.expect_where(name, |_| true).await
    }

    /// The data of the next event of this name that fits; others before it are passed over.
    pub async fn expect_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let search = async {
            loop {
                let event = self.next().await.expect("the stream goes on");
                if event.name == name && fits(&event.data) {
                    return event.data;
                }
            }
        };
        let found = tokio::time::timeout(SHORT, search).await;
        found.unwrap_or_else(|_| panic!("no fitting {name} event came"))
    }

    /// Every event until the stream ends, which has to be within this time.
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

    /// Fails when an event of this name comes before the other one does.
    pub async fn expect_without(&mut self, name: &str, unwanted: &str) -> Value {
        let search = async {
            loop {
                let event = self.next().await.expect("the stream goes on");
                assert_ne!(event.name, unwanted, "{}", event.data);
                if event.name == name {
                    return event.data;
                }
            }
        };
        tokio::time::timeout(SHORT, search).await.unwrap_or_else(|_| panic!("no {name} event came"))
    }
}

/// One block; `None` for a mere comment.
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
    fn comments_are_no_events() {
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
