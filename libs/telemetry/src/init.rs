//! The subscriber. Each layer has its own filter: a global filter of `warn` would disable spans, and
//! with them the trace context of outgoing calls.

use std::{io::IsTerminal, time::Duration};

use opentelemetry::{InstrumentationScope, Key, KeyValue, global, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    propagation::TraceContextPropagator,
    trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider},
};
use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{fields::JsonFields, redacted::Redacted};

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// One JSON object on each line.
    Json,
}

impl LogFormat {
    /// Returns the default format: text on a terminal, otherwise JSON.
    pub fn default_for_stderr() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `RUST_LOG` can't be parsed.
    #[error("RUST_LOG: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The `OTEL_*` variables don't describe an exporter.
    #[error("OTEL_EXPORTER_OTLP_*: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// `OTEL_EXPORTER_OTLP_PROTOCOL` names something other than gRPC.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL: only grpc is supported")]
    Protocol,
    /// Telemetry was set up twice in one process.
    #[error("telemetry is already set up")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// How long the exporters may take to send their last data.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The exporters. [`Guard::flush`] sends their last data.
#[derive(Debug)]
pub struct Guard {
    spans: SdkTracerProvider,
    metrics: Option<SdkMeterProvider>,
}

impl Guard {
    /// Sends the remaining spans and metrics, for at most 5 s. It uses blocking threads, because on
    /// a runtime with a single worker the exporters would wait for the thread that they block.
    pub async fn flush(self) {
        let Self { spans, metrics } = self;
        let spans = tokio::task::spawn_blocking(move || spans.shutdown_with_timeout(FLUSH_TIMEOUT));
        let metrics = tokio::task::spawn_blocking(move || {
            metrics.map_or(Ok(()), |metrics| metrics.shutdown_with_timeout(FLUSH_TIMEOUT))
        });
        for (signal, result) in [("spans", spans.await), ("metrics", metrics.await)] {
            if let Ok(Err(error)) = result {
                tracing::warn!(%error, "can't send the last {signal}");
            }
        }
    }
}

/// Sets up logs on stderr with the filter in `RUST_LOG`, and traces and metrics over OTLP if the
/// standard `OTEL_*` variables enable them. Trace ids are generated in any case, because responses
/// and logs contain them.
///
/// # Errors
///
/// When an environment variable has an invalid value, or telemetry is already set up.
pub fn init(service: &'static str, format: LogFormat) -> Result<Guard, Error> {
    let levels = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text)?,
        // The NATS client logs every attempt to connect; the bus logs the first failure.
        _ => EnvFilter::new("info,async_nats=warn"),
    };
    let own_spans = filter_fn(is_own_span).with_max_level_hint(LevelFilter::INFO);
    // Spans are always enabled, so that lines of every level show them.
    let line_filter = levels.or(own_spans).and(filter_fn(is_without_passwords));
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Redacted(std::io::stderr()));
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).fmt_fields(JsonFields).boxed()
        }
    };

    let resource = resource(service);
    let provider = tracer_provider(&resource)?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer_with_scope(scope()))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(is_own_span).with_max_level_hint(LevelFilter::INFO));

    tracing_subscriber::registry().with(spans).with(lines.with_filter(line_filter)).try_init()?;
    let metrics = meter_provider(resource)?;
    if let Some(metrics) = &metrics {
        global::set_meter_provider(metrics.clone());
        crate::metrics::enable();
    }
    Ok(Guard { spans: provider, metrics })
}

/// True for spans of this project. Spans of dependencies, such as the exporter, are hidden.
fn is_own_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && *metadata.level() <= Level::INFO
        && metadata.target().starts_with("onethread")
}

/// False for lines in which the NATS client describes a server with its password.
fn is_without_passwords(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !metadata.target().starts_with("async_nats")
}

fn tracer_provider(resource: &Resource) -> Result<SdkTracerProvider, Error> {
    let builder = SdkTracerProvider::builder();
    if !is_enabled("TRACES")? {
        return Ok(builder.build());
    }
    let exporter = SpanExporter::builder().with_tonic().build()?;
    crate::spans::enable();
    Ok(builder.with_resource(resource.clone()).with_batch_exporter(exporter).build())
}

fn meter_provider(resource: Resource) -> Result<Option<SdkMeterProvider>, Error> {
    if !is_enabled("METRICS")? {
        return Ok(None);
    }
    let exporter = MetricExporter::builder().with_tonic().build()?;
    let builder = SdkMeterProvider::builder().with_resource(resource);
    Ok(Some(builder.with_periodic_exporter(exporter).build()))
}

/// Describes this process. Without an id of its own, the metrics of two replicas would overwrite each
/// other. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence.
fn resource(service: &'static str) -> Resource {
    let from_environment = Resource::builder().build();
    let is_given = |key: &Key| {
        let value = from_environment.get(key);
        value.is_some_and(|value| !value.as_str().starts_with("unknown_service"))
    };
    let random = RandomIdGenerator::default().new_trace_id().to_bytes();
    let instance = uuid::Builder::from_random_bytes(random).into_uuid();
    let own = [
        KeyValue::new("service.name", service),
        KeyValue::new("service.namespace", "onethread"),
        KeyValue::new("service.version", VERSION),
        KeyValue::new("service.instance.id", instance.to_string()),
    ];
    let missing = own.into_iter().filter(|attribute| !is_given(&attribute.key));
    Resource::builder().with_attributes(missing).build()
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Who makes our spans and metrics, and the version of OpenTelemetry's conventions that they follow.
pub(crate) fn scope() -> InstrumentationScope {
    let scope = InstrumentationScope::builder("onethread").with_version(VERSION);
    scope.with_schema_url("https://opentelemetry.io/schemas/1.45.0").build()
}

/// True when the standard variables enable a signal: `TRACES` or `METRICS`, as in their names.
fn is_enabled(signal: &str) -> Result<bool, Error> {
    let signal_variable = |part: &str| variable(&format!("OTEL_EXPORTER_OTLP_{signal}_{part}"));
    let endpoint = signal_variable("ENDPOINT").or(variable("OTEL_EXPORTER_OTLP_ENDPOINT"));
    let enabled = endpoint.is_some()
        && variable("OTEL_SDK_DISABLED").is_none_or(|off| !off.eq_ignore_ascii_case("true"))
        && variable(&format!("OTEL_{signal}_EXPORTER")).is_none_or(|exporter| exporter == "otlp");
    let protocol = signal_variable("PROTOCOL").or(variable("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if enabled && protocol.is_some_and(|protocol| protocol != "grpc") {
        return Err(Error::Protocol);
    }
    Ok(enabled)
}

/// Returns an environment variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
