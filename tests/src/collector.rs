//! A collector of traces and metrics over OTLP, which stores everything that it receives.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data, number_data_point},
    trace::v1,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

use crate::{LONG_TIMEOUT, wait_until};

/// Kinds of spans.
pub mod kind {
    use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

    /// The span of a received call.
    pub const SERVER: i32 = SpanKind::Server as i32;
    /// The span of an outgoing call.
    pub const CLIENT: i32 = SpanKind::Client as i32;
    /// The span of work on a message.
    pub const CONSUMER: i32 = SpanKind::Consumer as i32;
    /// The span of a step within a process.
    pub const INTERNAL: i32 = SpanKind::Internal as i32;
}

/// A span. Ids are in hex.
#[derive(Debug, Clone)]
pub struct Span {
    /// Id of the trace.
    pub trace: String,
    /// Id of the span.
    pub id: String,
    /// Id of the parent; empty for a root.
    pub parent: String,
    /// Name.
    pub name: String,
    /// One of [`kind`], or another.
    pub kind: i32,
    /// `service.name` of the process.
    pub service: String,
    /// Attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// Names of the attributes that are integers.
    pub integers: BTreeSet<String>,
    /// True when its status is an error.
    pub has_failed: bool,
    /// Traces and ids of the spans that it links to.
    pub links: Vec<(String, String)>,
    /// Start and end, in nanoseconds.
    pub time: (u64, u64),
    /// Attributes of the process.
    pub resource: BTreeMap<String, String>,
    /// Version of the library that made it, and of its conventions.
    pub scope: (String, String),
}

/// The last data point of a metric and its attributes.
#[derive(Debug, Clone)]
pub struct DataPoint {
    /// Name of the metric.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// Attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The value; of a histogram the count.
    pub value: f64,
}

/// A collector that listens on loopback until it is dropped.
#[derive(Debug)]
pub struct Collector {
    endpoint: String,
    received: Arc<Mutex<Received>>,
    server: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Received {
    spans: Vec<Span>,
    points: Vec<DataPoint>,
    raw: String,
}

impl Collector {
    /// Starts listening.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Arc::<Mutex<Received>>::default();
        let traces = TraceServiceServer::new(Receiver(Arc::clone(&received)));
        let metrics = MetricsServiceServer::new(Receiver(Arc::clone(&received)));
        let server = Server::builder().add_service(traces).add_service(metrics);
        let server = server.serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async { server.await.expect("the collector serves") });
        Self { endpoint, received, server }
    }

    /// Returns the value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the spans received so far.
    pub fn spans(&self) -> Vec<Span> {
        self.received.lock().expect("nothing panics under the lock").spans.clone()
    }

    /// Returns the last data points.
    pub fn points(&self) -> Vec<DataPoint> {
        self.received.lock().expect("nothing panics under the lock").points.clone()
    }

    /// Returns everything received so far, as text.
    pub fn raw(&self) -> String {
        self.received.lock().expect("nothing panics under the lock").raw.clone()
    }

    /// Waits for a data point that matches.
    pub async fn wait_for_point(&self, what: &str, fits: impl Fn(&DataPoint) -> bool) -> DataPoint {
        wait_until(what, LONG_TIMEOUT / 4, async || self.points().into_iter().find(&fits)).await
    }

    /// Waits until `search` finds something in the spans.
    pub async fn find<T>(&self, what: &str, search: impl Fn(&[Span]) -> Option<T>) -> T {
        wait_until(what, LONG_TIMEOUT / 4, async || search(&self.spans())).await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Receiver(Arc<Mutex<Received>>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        let mut received = self.0.lock().expect("nothing panics under the lock");
        received.raw.push_str(&format!("{request:?}\n"));
        for resource in request.resource_spans {
            let resource_attributes =
                attributes(resource.resource.map(|r| r.attributes).unwrap_or_default());
            for scoped in resource.scope_spans {
                let version = scoped.scope.map(|scope| scope.version).unwrap_or_default();
                let scope = (version, scoped.schema_url);
                let spans = scoped.spans.into_iter();
                received
                    .spans
                    .extend(spans.map(|span| convert(span, &resource_attributes, &scope)));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let request = request.into_inner();
        let mut received = self.0.lock().expect("nothing panics under the lock");
        received.raw.push_str(&format!("{request:?}\n"));
        let scopes = request.resource_metrics.into_iter().flat_map(|one| one.scope_metrics);
        for point in scopes.flat_map(|scope| scope.metrics).flat_map(points) {
            let is_other = |other: &DataPoint| {
                (&other.name, &other.attributes) != (&point.name, &point.attributes)
            };
            received.points.retain(is_other);
            received.points.push(point);
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

fn points(metric: Metric) -> Vec<DataPoint> {
    let point = |list: Vec<KeyValue>, value| DataPoint {
        name: metric.name.clone(),
        unit: metric.unit.clone(),
        attributes: attributes(list),
        value,
    };
    #[expect(clippy::cast_precision_loss, reason = "tests count no further than 2^53")]
    let number = |value: Option<number_data_point::Value>| match value {
        Some(number_data_point::Value::AsDouble(value)) => value,
        Some(number_data_point::Value::AsInt(value)) => value as f64,
        None => f64::NAN,
    };
    #[expect(clippy::cast_precision_loss, reason = "tests count no further than 2^53")]
    let count = |count: u64| count as f64;
    match metric.data {
        Some(Data::Gauge(gauge)) => {
            gauge.data_points.into_iter().map(|p| point(p.attributes, number(p.value))).collect()
        }
        Some(Data::Sum(sum)) => {
            sum.data_points.into_iter().map(|p| point(p.attributes, number(p.value))).collect()
        }
        Some(Data::Histogram(all)) => {
            all.data_points.into_iter().map(|p| point(p.attributes, count(p.count))).collect()
        }
        _ => Vec::new(),
    }
}

fn convert(span: v1::Span, resource: &BTreeMap<String, String>, scope: &(String, String)) -> Span {
    let is_integer = |pair: &&KeyValue| {
        let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
        matches!(value, Some(Value::IntValue(_)))
    };
    let integers = span.attributes.iter().filter(is_integer).map(|pair| pair.key.clone());
    let failed = v1::status::StatusCode::Error as i32;
    Span {
        integers: integers.collect(),
        has_failed: span.status.as_ref().is_some_and(|status| status.code == failed),
        links: span.links.iter().map(|to| (hex(&to.trace_id), hex(&to.span_id))).collect(),
        time: (span.start_time_unix_nano, span.end_time_unix_nano),
        service: resource.get("service.name").cloned().unwrap_or_default(),
        resource: resource.clone(),
        scope: scope.clone(),
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        name: span.name,
        kind: span.kind,
        attributes: attributes(span.attributes),
    }
}

fn attributes(list: Vec<KeyValue>) -> BTreeMap<String, String> {
    let value = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    };
    list.into_iter().map(|pair| (pair.key, value(pair.value.and_then(|v| v.value)))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
