//! Metrics, as a collector receives them.

use onethread_tests::{
    Collector, DataPoint, LONG_TIMEOUT, Options, SHORT_TIMEOUT, TestServer, wait_until,
};
use reqwest::Method;
use serde_json::json;

async fn start() -> (Collector, TestServer) {
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100");
    let server = TestServer::with(options).await;
    (collector, server)
}

/// A data point: name, unit, some of its attributes, minimum value.
type Seen<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], f64);

/// True when the point has this name and at least these attributes.
fn is(point: &DataPoint, name: &str, about: &[(&str, &str)]) -> bool {
    let has = |(key, value): &(&str, &str)| point.attributes.get(*key).is_some_and(|v| v == value);
    point.name == name && about.iter().all(has)
}

#[tokio::test]
async fn metrics_have_their_standard_names() {
    let (collector, server) = start().await;
    let secret = json!({"user_id": "canary-user", "security_hash": "canary-hash", "email": "canary@example.com"});
    let person = server.start_session(&secret).await;
    for n in 0..3 {
        person.send(&format!("canary text {n}")).await;
    }
    server.init(&json!({"user_id": "canary-user"})).await.expect_problem(403, "identity-refused");
    server.api.get("/canary/path?x=canary-query").await.expect_problem(404, "not-found");
    let made_up = Method::from_bytes(b"CANARY").unwrap();
    onethread_tests::ApiResponse::send(server.api.request(made_up, "/healthz"))
        .await
        .expect_problem(405, "");

    const ROUTE: &str = "http.route";
    const STATUS: &str = "http.response.status_code";
    const METHOD: &str = "http.request.method";
    let init = "/widget/v1/init";
    let call = "onethread.conversation.v1.ConversationService/SendMessage";
    let seen: [Seen<'_>; 8] = [
        (
            "http.server.request.duration",
            "s",
            &[(ROUTE, init), (STATUS, "200"), (METHOD, "POST")],
            1.0,
        ),
        ("http.server.request.duration", "s", &[(ROUTE, init), (STATUS, "403")], 1.0),
        (
            "http.server.request.duration",
            "s",
            &[(ROUTE, "/widget/v1/messages"), (STATUS, "201")],
            3.0,
        ),
        ("http.server.request.duration", "s", &[(METHOD, "_OTHER"), (STATUS, "405")], 1.0),
        ("rpc.server.call.duration", "s", &[("rpc.method", call), ("rpc.status_code", "OK")], 3.0),
        ("rpc.client.call.duration", "s", &[("rpc.method", call), ("rpc.status_code", "OK")], 3.0),
        (
            "db.client.connection.max",
            "{connection}",
            &[("db.client.connection.pool.name", "conversation.writer")],
            1.0,
        ),
        ("onethread.import.waiting", "{import}", &[("onethread.import.state", "running")], 0.0),
    ];
    for (name, unit, about, value) in seen {
        let what = format!("{name} {about:?} = {value}");
        let fits =
            |point: &DataPoint| is(point, name, about) && point.value.total_cmp(&value).is_eq();
        let point = collector.wait_for_point(&what, fits).await;
        assert_eq!(point.unit, unit, "{name}");
    }
    collector
        .wait_for_point("database work", |p| {
            p.name == "db.client.operation.duration" && p.value > 0.0
        })
        .await;
    for service in ["identity", "conversation"] {
        for name in ["onethread.outbox.waiting", "onethread.outbox.lag"] {
            collector
                .wait_for_point(name, |p| is(p, name, &[("onethread.service", service)]))
                .await;
        }
    }
    for pool in ["identity.writer", "conversation.readers", "contact_import.writer"] {
        for state in ["used", "idle"] {
            let about =
                [("db.client.connection.pool.name", pool), ("db.client.connection.state", state)];
            collector.wait_for_point(pool, |p| is(p, "db.client.connection.count", &about)).await;
        }
    }
    for name in ["onethread.webhook.waiting", "onethread.webhook.lag"] {
        collector.wait_for_point(name, |point| point.name == name).await;
    }

    // Values of a caller are not used as attributes.
    let raw = collector.raw().to_lowercase();
    assert!(!raw.contains("canary"), "a caller's words are measured by");
}

#[tokio::test]
async fn open_streams_are_counted() {
    const NAME: &str = "onethread.stream.open";
    let (collector, server) = start().await;
    let person = server.start_session(&json!({"user_id": "u"})).await;
    let open = [person.events().await, person.events().await];
    let staff = server.log_in_owner().await.events().await;
    let count = async |kind: &str, wanted: f64| {
        wait_until("the streams counted", LONG_TIMEOUT / 4, async || {
            let points = collector.points();
            let point =
                points.iter().find(|point| is(point, NAME, &[("onethread.stream.kind", kind)]));
            point.is_some_and(|point| point.value.total_cmp(&wanted).is_eq()).then_some(())
        })
        .await;
    };
    count("widget", 2.0).await;
    count("staff", 1.0).await;
    drop(open);
    count("widget", 0.0).await;
    count("staff", 1.0).await;
    drop(staff);
}

#[tokio::test]
async fn metrics_can_be_turned_off() {
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_METRICS_EXPORTER", "none")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mut server = TestServer::with(options).await;
    server.start_session(&json!({"user_id": "u"})).await.send("hello").await;
    assert!(server.process.terminate(SHORT_TIMEOUT * 2).await.success());
    assert!(!collector.spans().is_empty(), "traces are on");
    assert!(collector.points().is_empty(), "{:?}", collector.points());
}
