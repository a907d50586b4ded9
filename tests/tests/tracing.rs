//! Traces across services, as a collector receives them.

use std::{collections::HashMap, time::Duration};

use onethread_tests::{Collector, Options, SHORT_TIMEOUT, Span, TestServer, kind, wait_until};
use serde_json::json;

const IDENTITY: &str = "onethread.identity.v1";
const CONVERSATION: &str = "onethread.conversation.v1";
const IMPORT: &str = "onethread.contactimport.v1";

/// Returns the received ancestors of a span, nearest first.
fn above<'a>(spans: &'a [Span], span: &Span) -> Vec<&'a Span> {
    let by_id: HashMap<_, _> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let mut chain = Vec::new();
    let mut parent = span.parent.as_str();
    while let Some(next) = by_id.get(parent) {
        chain.push(*next);
        parent = next.parent.as_str();
    }
    chain
}

/// True when there is a call of `rpc` whose server span is a child of its client span, which is a
/// descendant of a server span named `caller` that is the root of the trace.
fn linked(spans: &[Span], rpc: &str, caller: &str) -> bool {
    let servers = spans.iter().filter(|span| span.name == rpc && span.kind == kind::SERVER);
    servers.into_iter().any(|server| {
        let chain = above(spans, server);
        let Some((client, rest)) = chain.split_first() else { return false };
        let attributes =
            |span: &Span| span.attributes.get("rpc.method").is_some_and(|is| is == rpc);
        client.name == rpc
            && client.kind == kind::CLIENT
            && attributes(client)
            && attributes(server)
            && chain.iter().all(|span| span.trace == server.trace)
            && rest.iter().any(|span| span.name == caller && span.kind == kind::SERVER)
            && chain.last().is_some_and(|root| root.parent.is_empty())
    })
}

async fn every_pair_is_linked(options: Options) {
    let collector = Collector::start().await;
    let options = options
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let server = TestServer::with(options).await;

    let visitor = server.start_session(&json!({})).await;
    visitor.submit_form(&json!({"name": "Vera", "email": "vera@example.com"})).await.expect(200);
    visitor.send("hello").await;
    let agent = server.log_in_owner().await;
    let id = visitor.contact_id();
    wait_until("the visitor in Contacts", SHORT_TIMEOUT, async || agent.contact(id).await).await;
    crate::imports::import(&agent, "user_id,name\nu,Uma\n").await;

    for (rpc, caller) in [
        // gateway → identity
        (format!("{IDENTITY}.SessionService/Identify"), "POST /widget/v1/init".to_owned()),
        (format!("{IDENTITY}.VisitorService/SubmitPreChat"), "POST /widget/v1/pre-chat".to_owned()),
        // gateway → conversation
        (
            format!("{CONVERSATION}.ConversationService/SendMessage"),
            "POST /widget/v1/messages".to_owned(),
        ),
        // conversation → identity, through the outbox
        (
            format!("{IDENTITY}.ConversationFactService/RecordFirstMessage"),
            format!("{CONVERSATION}.ConversationService/SendMessage"),
        ),
        (
            format!("{IDENTITY}.ConversationFactService/RecordFirstMessage"),
            "POST /widget/v1/messages".to_owned(),
        ),
        // gateway → contact-import → identity
        (format!("{IMPORT}.ImportService/UploadImport"), "POST /v1/imports".to_owned()),
        (
            format!("{IDENTITY}.ContactImportService/ImportContacts"),
            format!("{IMPORT}.ImportService/UploadImport"),
        ),
    ] {
        let what = format!("{rpc} below {caller}");
        let link = collector.find(&what, |spans| linked(spans, &rpc, &caller).then_some(()));
        if tokio::time::timeout(SHORT_TIMEOUT, link).await.is_err() {
            let spans = collector.spans();
            let seen: Vec<_> = spans
                .iter()
                .map(|s| format!("{} {} < {} kind {} {}", s.trace, s.id, s.parent, s.kind, s.name))
                .collect();
            panic!("no link: {what}\n{}", seen.join("\n"));
        }
    }

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.service == "onethread"), "one process, one service");
    // The trace of an error can be found by the id in its body.
    let problem = server.api.get("/v1/me").await.expect_problem(401, "");
    let trace = problem["traceId"].as_str().unwrap_or_default().to_owned();
    collector
        .find("the trace of the refused call", |spans| {
            spans.iter().any(|span| span.trace == trace).then_some(())
        })
        .await;
}

#[tokio::test]
async fn each_pair_of_services_shares_a_trace() {
    every_pair_is_linked(Options::default()).await;
}

#[tokio::test]
async fn disabled_logs_do_not_break_traces() {
    every_pair_is_linked(Options::default().env("RUST_LOG", "warn")).await;
}

#[tokio::test]
async fn sql_is_part_of_the_trace() {
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let server = TestServer::with(options).await;
    server.start_session(&json!({"user_id": "u"})).await.send("hello").await;
    let send = format!("{CONVERSATION}.ConversationService/SendMessage");
    collector
        .find("a database span below a call", |spans| {
            let is_database =
                |span: &&Span| span.attributes.keys().any(|key| key.starts_with("db."));
            let below = |span: &Span| above(spans, span).iter().any(|s| s.name == send);
            spans.iter().filter(is_database).any(below).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_caller_s_trace_is_linked_but_not_continued() {
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let server = TestServer::with(options).await;
    let theirs = "0af7651916cd43dd8448eb211c80319c";
    let request = server.api.request(reqwest::Method::POST, "/widget/v1/init");
    let request = request.header("traceparent", format!("00-{theirs}-b7ad6b7169203331-01"));
    onethread_tests::ApiResponse::send(request.json(&server.init_body(&json!({}))))
        .await
        .expect(200);
    let root = collector
        .find("the init's span", |spans| {
            spans.iter().find(|span| span.name == "POST /widget/v1/init").cloned()
        })
        .await;
    assert_ne!(root.trace, theirs);
    assert_eq!(root.parent, "");
    // The caller's trace is a link.
    assert!(collector.raw().contains("links: [Link {"), "the span has no link");
}

#[tokio::test]
async fn an_unavailable_collector_does_no_harm() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options::default().env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{unused}"));
    let mut server = TestServer::with(options).await;
    server.start_session(&json!({"user_id": "u"})).await.send("hello").await;
    assert!(server.process.terminate(SHORT_TIMEOUT * 2).await.success());
}

#[tokio::test]
async fn the_span_of_a_stream_lasts_as_long_as_the_stream() {
    const OPEN: Duration = Duration::from_millis(1500);
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mut server = TestServer::with(options).await;
    let events = server.start_session(&json!({"user_id": "u"})).await.events().await;
    tokio::time::sleep(OPEN).await;
    let nanos = u64::try_from(OPEN.as_nanos()).unwrap();
    let lasted = |span: &Span| span.time.1 - span.time.0 >= nanos;
    let is_stream = |span: &&Span| span.name == "GET /widget/v1/events";
    assert!(!collector.spans().iter().any(|span| is_stream(&span)), "the stream is still open");
    drop(events);
    collector
        .find("the span of the stream", |spans| {
            spans.iter().find(is_stream).map(|span| assert!(lasted(span), "{span:?}"))
        })
        .await;
    // The gateway's own stream ends with the process.
    assert!(server.process.terminate(SHORT_TIMEOUT * 2).await.success());
    let spans = collector.spans();
    let name = format!("{CONVERSATION}.StreamService/Subscribe");
    for kind in [kind::CLIENT, kind::SERVER] {
        let span = spans.iter().find(|span| span.name == name && span.kind == kind);
        let span = span.unwrap_or_else(|| panic!("no span of kind {kind}"));
        assert!(lasted(span) && span.attributes.contains_key("rpc.status_code"), "{span:?}");
    }
}

#[tokio::test]
async fn sends_in_one_transaction_and_their_batch_link_to_each_other() {
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let server = TestServer::with(options).await;
    let widget = server.start_session(&json!({"user_id": "u"})).await;
    widget.send("first").await;
    futures::future::join_all((0..40).map(|n| {
        let widget = widget.clone();
        async move { widget.send(&format!("{n}")).await }
    }))
    .await;
    collector
        .find("a batch that links to its sends and back", |spans| {
            let by_id: HashMap<_, _> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
            let mut batches = spans.iter().filter(|span| span.name == "sends together");
            let is_mutual = |batch: &&Span| {
                let back = (batch.trace.clone(), batch.id.clone());
                let mut sends = batch.links.iter().map(|(_, id)| by_id.get(id.as_str()));
                sends.all(|send| send.is_some_and(|send| send.links.contains(&back)))
            };
            batches.find(is_mutual).map(|batch| assert!(batch.links.len() > 1, "{batch:?}"))
        })
        .await;
}
