//! Checks that hold for every span and every data point.

use std::collections::BTreeSet;

use onethread_telemetry::attributes as name;
use onethread_tests::{Collector, DataPoint, Span, kind};

/// Attributes that are numbers for everybody who queries them.
const NUMBERS: [&str; 8] = [
    name::HTTP_RESPONSE_STATUS_CODE,
    name::HTTP_REQUEST_RESEND_COUNT,
    name::SERVER_PORT,
    name::NETWORK_PEER_PORT,
    name::DB_OPERATION_BATCH_SIZE,
    name::MESSAGING_BATCH_MESSAGE_COUNT,
    name::DELIVERY_ATTEMPT,
    name::IMPORT_BATCH_NUMBER,
];

/// How much later than its parent a span may end: both are in the same process or on the same machine,
/// but a caller may have left.
const MAX_DELAY_NANOS: u64 = 20_000_000;

/// Panics with everything that is wrong.
pub(super) fn check(collector: &Collector) {
    let spans = collector.spans();
    let mut faults: Vec<String> = spans.iter().flat_map(span_faults).collect();
    faults.extend(spans.iter().filter_map(|span| ends_late(span, &spans)));
    faults.extend(collector.points().iter().flat_map(point_faults));
    faults.sort();
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn span_faults(span: &Span) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{}: {what}", span.name));
    for attribute in span.attributes.keys() {
        if !name::ALL.contains(&attribute.as_str()) {
            fault(format!("{attribute} is not in the list of attributes"));
        }
        let is_number = span.integers.contains(attribute);
        if is_number != NUMBERS.contains(&attribute.as_str()) {
            fault(format!("{attribute} has the wrong type"));
        }
    }
    for required in required(span) {
        if !span.attributes.contains_key(*required) {
            fault(format!("{required} is missing"));
        }
    }
    let has_error = span.attributes.contains_key(name::ERROR_TYPE);
    if span.has_failed != has_error
        || (has_error && !span.attributes.contains_key(name::ERROR_REASON))
    {
        fault("status, error.type and reason don't agree".to_owned());
    }
    for required in ["service.name", "service.namespace", "service.version", "service.instance.id"]
    {
        if span.resource.get(required).is_none_or(String::is_empty) {
            fault(format!("the resource has no {required}"));
        }
    }
    if span.scope.0.is_empty() || !span.scope.1.starts_with("https://opentelemetry.io/schemas/") {
        fault("the scope has no version or no schema".to_owned());
    }
    faults
}

/// Attributes that a span of its kind must have.
fn required(span: &Span) -> &'static [&'static str] {
    let has = |attribute: &str| span.attributes.contains_key(attribute);
    match span.kind {
        kind::SERVER if has(name::RPC_SYSTEM_NAME) => &[name::RPC_METHOD, name::RPC_STATUS_CODE],
        // Calls of an agent who is logged in.
        kind::SERVER
            if span.name.contains(" /v1/")
                && !["/login", "/organizations"].iter().any(|end| span.name.ends_with(end)) =>
        {
            &[
                name::HTTP_REQUEST_METHOD,
                name::URL_SCHEME,
                name::HTTP_RESPONSE_STATUS_CODE,
                name::ORGANIZATION_ID,
            ]
        }
        kind::SERVER => {
            &[name::HTTP_REQUEST_METHOD, name::URL_SCHEME, name::HTTP_RESPONSE_STATUS_CODE]
        }
        kind::CLIENT if has(name::DB_SYSTEM_NAME) => &[name::DB_NAMESPACE, name::DB_QUERY_SUMMARY],
        kind::CLIENT if has(name::RPC_SYSTEM_NAME) => &[name::RPC_METHOD, name::RPC_STATUS_CODE],
        kind::CLIENT => &[name::HTTP_REQUEST_METHOD, name::SERVER_ADDRESS, name::SERVER_PORT],
        kind::CONSUMER => &[
            name::MESSAGING_SYSTEM,
            name::MESSAGING_OPERATION_NAME,
            name::MESSAGING_OPERATION_TYPE,
            name::MESSAGING_DESTINATION_NAME,
            name::ORGANIZATION_ID,
        ],
        _ => &[],
    }
}

/// A step ends before what it is a step of. Work on a message may end later than its cause.
fn ends_late(span: &Span, spans: &[Span]) -> Option<String> {
    if span.kind == kind::CONSUMER {
        return None;
    }
    let parent = spans.iter().find(|other| other.trace == span.trace && other.id == span.parent)?;
    let delay = span.time.1.saturating_sub(parent.time.1);
    (delay > MAX_DELAY_NANOS)
        .then(|| format!("{} ends {} ms after {}", span.name, delay / 1_000_000, parent.name))
}

fn point_faults(point: &DataPoint) -> Vec<String> {
    let unknown = point.attributes.keys().filter(|key| !name::ALL.contains(&key.as_str()));
    unknown.map(|key| format!("{}: {key} is not in the list of attributes", point.name)).collect()
}

/// Metrics that the journeys must have changed, with one of their attributes.
const METRICS: [(&str, &str, &str); 13] = [
    ("db.client.connection.wait_time", name::DB_POOL_NAME, ""),
    ("db.client.operation.duration", name::DB_QUERY_SUMMARY, "contact.import"),
    ("http.server.active_requests", name::HTTP_REQUEST_METHOD, "POST"),
    ("http.server.request.duration", name::HTTP_ROUTE, "/widget/v1/init"),
    ("onethread.import.rows", name::OUTCOME, "created"),
    ("onethread.message.stored", name::AUTHOR_KIND, "agent"),
    ("onethread.outbox.lag", name::SERVICE, "conversation"),
    ("onethread.outbox.waiting", name::SERVICE, "identity"),
    ("onethread.stream.open", name::STREAM_KIND, "widget"),
    ("onethread.webhook.attempt.duration", name::OUTCOME, "delivered"),
    ("onethread.rpc.server.stream.duration", name::RPC_STATUS_CODE, "OK"),
    ("rpc.client.call.duration", name::RPC_STATUS_CODE, "UNAUTHENTICATED"),
    ("rpc.server.call.duration", name::RPC_STATUS_CODE, "OK"),
];
/// Metrics of each process, without attributes.
const PROCESS_METRICS: [&str; 4] = [
    "onethread.runtime.tasks",
    "onethread.webhook.waiting",
    "process.memory.usage",
    "process.unix.file_descriptor.count",
];

pub(super) async fn check_metrics(collector: &Collector) {
    for (metric, attribute, value) in METRICS {
        let has_value = |found: &String| value.is_empty() || found == value;
        let fits = |point: &DataPoint| {
            point.name == metric && point.attributes.get(attribute).is_some_and(has_value)
        };
        collector.wait_for_point(metric, fits).await;
    }
    for metric in PROCESS_METRICS {
        collector.wait_for_point(metric, |point| point.name == metric).await;
    }
}

/// Each replica names itself.
pub(super) fn check_instances(collector: &Collector) {
    let spans = collector.spans();
    let of_gateways = spans.iter().filter(|span| span.service == "onethread-gateway");
    let instances: BTreeSet<_> =
        of_gateways.map(|span| &span.resource["service.instance.id"]).collect();
    assert!(instances.len() >= 2, "{instances:?}");
}
