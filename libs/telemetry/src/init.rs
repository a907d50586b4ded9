//! The subscriber. Each layer filters for itself: a global filter of `warn` would disable the
//! spans and with them the trace context that calls carry on.

use std::{io::IsTerminal, time::Duration};

use opentelemetry::{global, trace::TracerProvider};
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator,
    trace::SdkTracerProvider,
};
use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::fields::JsonFields;

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

/// How long the last spans, and the last metrics, may take to be sent.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Keeps the exporters; what they hold is sent by [`Guard::flush`].
#[derive(Debug)]
pub struct Guard {
    spans: SdkTracerProvider,
    metrics: Option<SdkMeterProvider>,
}

impl Guard {
    /// Sends the spans and metrics still held, at most 5 s. Blocks threads of its own: on the
    /// runtime's one worker it would wait for itself.
    pub async fn flush(self) {
        let Self { spans, metrics } = self;
        let spans = tokio::task::spawn_blocking(move || spans.shutdown_with_timeout(LAST_WORDS));
        let metrics = tokio::task::spawn_blocking(move || {
            metrics.map_or(Ok(()), |metrics| metrics.shutdown_with_timeout(LAST_WORDS))
        });
        for (what, sent) in [("spans", spans.await), ("metrics", metrics.await)] {
            if let Ok(Err(error)) = sent {
                tracing::warn!(%error, "the last {what} were not sent");
            }
        }
    }
}

/// Sets up logs on stderr as `RUST_LOG` says, and traces and metrics over OTLP where the standard
/// `OTEL_*` variables ask for them. Ids of traces are made in either case: answers and logs name them.
pub fn init(service: &'static str, format: LogFormat) -> Result<Guard, Error> {
    let levels = match std::env::var("RUST_LOG") {
        Ok(text) if !text.is_empty() => EnvFilter::try_new(text)?,
        // The client of the bus tells each attempt to find it; ours tells once.
        _ => EnvFilter::new("info,async_nats=warn"),
    };
    let ours = filter_fn(our_span).with_max_level_hint(LevelFilter::INFO);
    // Lines name the spans they lie in whatever their own level is.
    let shown = levels.or(ours);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_target(false).boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).fmt_fields(JsonFields).boxed()
        }
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
    let metrics = meters(service)?;
    if let Some(meters) = &metrics {
        global::set_meter_provider(meters.clone());
        crate::metrics::begin();
    }
    Ok(Guard { spans: provider, metrics })
}

/// Spans of libraries, the exporter's own among them, are not ours to show.
fn our_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && *metadata.level() <= Level::INFO
        && metadata.target().starts_with("onethread")
}

fn provider(service: &'static str) -> Result<SdkTracerProvider, Error> {
    let builder = SdkTracerProvider::builder();
    if !wants("TRACES")? {
        return Ok(builder.build());
    }
    let exporter = SpanExporter::builder().with_tonic().build()?;
    Ok(builder.with_resource(resource(service)).with_batch_exporter(exporter).build())
}

fn meters(service: &'static str) -> Result<Option<SdkMeterProvider>, Error> {
    if !wants("METRICS")? {
        return Ok(None);
    }
    let exporter = MetricExporter::builder().with_tonic().build()?;
    let builder = SdkMeterProvider::builder().with_resource(resource(service));
    Ok(Some(builder.with_periodic_exporter(exporter).build()))
}

fn resource(service: &'static str) -> Resource {
    let resource = Resource::builder();
    // The builder has read OTEL_SERVICE_NAME; ours counts where it says nothing.
    let resource = match said("OTEL_SERVICE_NAME") {
        Some(_) => resource,
        None => resource.with_service_name(service),
    };
    resource.build()
}

/// Whether the standard variables ask for a signal, which is `TRACES` or `METRICS` in their names.
fn wants(signal: &str) -> Result<bool, Error> {
    let of = |part: &str| said(&format!("OTEL_EXPORTER_OTLP_{signal}_{part}"));
    let endpoint = of("ENDPOINT").or(said("OTEL_EXPORTER_OTLP_ENDPOINT"));
    let wanted = endpoint.is_some()
        && said("OTEL_SDK_DISABLED").is_none_or(|off| !off.eq_ignore_ascii_case("true"))
        && said(&format!("OTEL_{signal}_EXPORTER")).is_none_or(|exporter| exporter == "otlp");
    let protocol = of("PROTOCOL").or(said("OTEL_EXPORTER_OTLP_PROTOCOL"));
    if wanted && protocol.is_some_and(|protocol| protocol != "grpc") {
        return Err(Error::Protocol);
    }
    Ok(wanted)
}

fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
