//! The subscriber. Each layer filters for itself: a global filter of `warn` would disable the
//! spans and with them the trace context that calls carry on.

use std::io::IsTerminal;

use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// What suits where the log goes: text on a terminal, else JSON.
    pub fn suitable() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }
}

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `RUST_LOG` can't be read.
    #[error("RUST_LOG: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The `OTEL_*` variables don't describe an exporter.
    #[error("OTEL_EXPORTER_OTLP_*: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// `OTEL_EXPORTER_OTLP_PROTOCOL` names something other than gRPC.
    #[error("OTEL_EXPORTER_OTLP_PROTOCOL: only grpc is spoken here")]
    Protocol,
    /// A process has one subscriber.
    #[error("telemetry was set up before")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Keeps the exporter; what it holds is sent by [`Guard::flush`].
#[derive(Debug)]
pub struct Guard(SdkTracerProvider);

impl Guard {
    /// Sends the spans still held, at most 5 s. Blocks a thread of its own: on the runtime's one
    /// worker it would wait for itself.
    pub async fn flush(self) {
        let shutdown = move || self.0.shutdown_with_timeout(std::time::Duration::from_secs(5));
        if let Ok(Err(error)) = tokio::task::spawn_blocking(shutdown).await {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// Sets up logs on stderr as `RUST_LOG` says, and traces over OTLP where the standard `OTEL_*`
/// variables ask for them. Ids of traces are made in either case: answers and logs name them.
pub fn init(service: &'static str, format: LogFormat) -> Result<Guard, Error> {
    let levels = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text)?,
        _ => EnvFilter::new("info"),
    };
    let ours = filter_fn(our_span).with_max_level_hint(LevelFilter::INFO);
    // Lines name the spans they lie in whatever their own level is.
    let shown = levels.or(ours);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(false).boxed(),
    };

    let provider = provider(service)?;
    global::set_text_map_propagator(TraceContextPropagator::new());
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("onethread"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(our_span).with_max_level_hint(LevelFilter::INFO));

    tracing_subscriber::registry().with(spans).with(lines.with_filter(shown)).try_init()?;
    Ok(Guard(provider))
}

/// Spans of libraries, the exporter's own among them, are not ours to show.
fn our_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && *metadata.level() <= Level::INFO
        && metadata.target().starts_with("onethread")
}

fn provider(service: &'static str) -> Result<SdkTracerProvider, Error> {
    let builder = SdkTracerProvider::builder();
    if !wants_traces() {
        return Ok(builder.build());
    }
    let said = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let protocol =
        said("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or(said("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if protocol.is_some_and(|protocol| protocol != "grpc") {
        return Err(Error::Protocol);
    }
    let resource = Resource::builder();
    // The builder has read OTEL_SERVICE_NAME; ours counts where it says nothing.
    let resource = match said("OTEL_SERVICE_NAME") {
        Some(_) => resource,
        None => resource.with_service_name(service),
    };
    let exporter = SpanExporter::builder().with_tonic().build()?;
    Ok(builder.with_resource(resource.build()).with_batch_exporter(exporter).build())
}

fn wants_traces() -> bool {
    let said = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let endpoint =
        said("OTEL_EXPORTER_OTLP_ENDPOINT").or(said("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"));
    endpoint.is_some()
        && said("OTEL_SDK_DISABLED").is_none_or(|off| !off.eq_ignore_ascii_case("true"))
        && said("OTEL_TRACES_EXPORTER").is_none_or(|exporter| exporter == "otlp")
}
