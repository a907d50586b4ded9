//! What is measured, as an operator's collector receives it.

use onethread_tests::{Collector, LONG, Options, Point, SHORT, Stage, until};
use reqwest::Method;
use serde_json::json;

async fn measured() -> (Collector, Stage) {
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100");
    let stage = Stage::with(options).await;
    (collector, stage)
}

/// A point: name, unit, some of its attributes, value.
type Seen<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], f64);

/// A point of this name with at least these attributes.
fn is(point: &Point, name: &str, about: &[(&str, &str)]) -> bool {
    let has = |(key, value): &(&str, &str)| point.attributes.get(*key).is_some_and(|v| v == value);
    point.name == name && about.iter().all(has)
}

#[tokio::test]
async fn calls_work_and_levels_are_measured_by_their_usual_names() {
    let (collector, stage) = measured().await;
    let secret = json!({"user_id": "canary-user", "security_hash": "canary-hash", "email": "canary@example.com"});
    let person = stage.open(&secret).await;
    for n in 0..3 {
        person.say(&format!("canary text {n}")).await;
    }
    stage.init(&json!({"user_id": "canary-user"})).await.problem(403, "identity-refused");
    stage.api.get("/canary/path?x=canary-query").await.problem(404, "not-found");
    let made_up = Method::from_bytes(b"CANARY").unwrap();
    onethread_tests::Reply::of(stage.api.request(made_up, "/healthz")).await.problem(405, "");

    const ROUTE: &str = "http.route";
    const STATUS: &str = "http.response.status_code";
    const METHOD: &str = "http.request.method";
    let init = "/widget/v1/init";
    let call = "onethread.conversation.v1.ConversationService";
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
        (
            "rpc.server.call.duration",
            "s",
            &[("rpc.service", call), ("rpc.method", "SendMessage"), ("rpc.grpc.status_code", "0")],
            3.0,
        ),
        (
            "rpc.client.call.duration",
            "s",
            &[("rpc.service", call), ("rpc.method", "SendMessage"), ("rpc.grpc.status_code", "0")],
            3.0,
        ),
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
        let fits = |point: &Point| is(point, name, about) && point.value.total_cmp(&value).is_eq();
        let point = collector.measured(&what, fits).await;
        assert_eq!(point.unit, unit, "{name}");
    }
    collector
        .measured("database work", |p| p.name == "db.client.operation.duration" && p.value > 0.0)
        .await;
    for service in ["identity", "conversation"] {
        for name in ["onethread.outbox.waiting", "onethread.outbox.lag"] {
            collector.measured(name, |p| is(p, name, &[("service.name", service)])).await;
        }
    }
    for pool in ["identity.writer", "conversation.readers", "contact_import.writer"] {
        for state in ["used", "idle"] {
            let about =
                [("db.client.connection.pool.name", pool), ("db.client.connection.state", state)];
            collector.measured(pool, |p| is(p, "db.client.connection.count", &about)).await;
        }
    }
    for name in ["onethread.webhook.waiting", "onethread.webhook.lag"] {
        collector.measured(name, |point| point.name == name).await;
    }

    // Whatever a caller says is no attribute.
    let raw = collector.raw().to_lowercase();
    assert!(!raw.contains("canary"), "a caller's words are measured by");
}

#[tokio::test]
async fn streams_are_counted_while_they_are_open() {
    const NAME: &str = "onethread.stream.open";
    let (collector, stage) = measured().await;
    let person = stage.open(&json!({"user_id": "u"})).await;
    let open = [person.events().await, person.events().await];
    let staff = stage.agent().await.events().await;
    let count = async |kind: &str, wanted: f64| {
        until("the streams counted", LONG / 4, async || {
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
async fn what_an_operator_switches_off_is_off() {
    let collector = Collector::start().await;
    let options = Options::default()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .env("OTEL_METRICS_EXPORTER", "none")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let mut stage = Stage::with(options).await;
    stage.open(&json!({"user_id": "u"})).await.say("hello").await;
    assert!(stage.server.terminate(SHORT * 2).await.success());
    assert!(!collector.spans().is_empty(), "traces are on");
    assert!(collector.points().is_empty(), "{:?}", collector.points());
}
