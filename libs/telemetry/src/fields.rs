//! Fields of spans in JSON log lines. The formatter of `tracing-subscriber` parses and rewrites all
//! fields whenever one is recorded later, which costs more than everything else about a span. This
//! one appends.

use std::fmt::{self, Debug, Write};

use tracing::{
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, FormattedFields, format::Writer},
};

/// Writes a JSON object. A field that is recorded twice is in it twice; parsers use the last one.
#[derive(Debug)]
pub(crate) struct JsonFields;

impl<'a> FormatFields<'a> for JsonFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut object = Object { writer, is_empty: true, result: Ok(()) };
        object.write(format_args!("{{"));
        fields.record(&mut object);
        object.write(format_args!("}}"));
        object.result
    }

    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        if current.fields.pop() != Some('}') {
            current.fields.clear();
            current.fields.push('{');
        }
        let is_empty = current.fields == "{";
        let mut object = Object { writer: current.as_writer(), is_empty, result: Ok(()) };
        fields.record(&mut object);
        object.write(format_args!("}}"));
        object.result
    }
}

struct Object<'a> {
    writer: Writer<'a>,
    is_empty: bool,
    result: fmt::Result,
}

impl Object<'_> {
    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.result = self.result.and_then(|()| self.writer.write_fmt(text));
    }

    /// Writes a field whose value is valid JSON when it is displayed.
    fn raw(&mut self, field: &Field, value: impl fmt::Display) {
        // Fields that are named like a keyword have this prefix in the source.
        let name = field.name().trim_start_matches("r#");
        let comma = if std::mem::take(&mut self.is_empty) { "" } else { "," };
        self.write(format_args!("{comma}\"{name}\":{value}"));
    }

    fn string(&mut self, field: &Field, text: impl fmt::Display) {
        self.raw(field, "\"");
        let mut escaped = Escaped(&mut self.writer);
        self.result = self.result.and_then(|()| write!(escaped, "{text}"));
        self.write(format_args!("\""));
    }
}

impl Visit for Object<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no infinities and no NaN.
        if value.is_finite() { self.raw(field, value) } else { self.string(field, value) }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.raw(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.raw(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.raw(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.string(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.string(field, format_args!("{value:?}"));
    }
}

/// Escapes the content of a JSON string.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (plain, special) = rest.split_at(at);
            let (special, after) = special.split_at(1);
            write!(self.0, "{plain}\\u{:04x}", special.as_bytes()[0])?;
            rest = after;
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::{Value, json};
    use tracing::{field::Empty, info, info_span};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Logs a line in a span and returns the span as it is in the line.
    fn logged(create: impl FnOnce() -> tracing::Span) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .fmt_fields(JsonFields)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            create().in_scope(|| info!("test"));
        });
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        assert_eq!(line["message"], "test");
        line["spans"][0].clone()
    }

    #[test]
    fn every_kind_of_field_is_in_the_line() {
        let text = "a \"quoted\" \\ text\nof\ttwo lines, \u{1} ä 😀";
        let span = logged(|| {
            info_span!("span", text, n = -3, big = u64::MAX, yes = true, part = 0.5,
                odd = f64::NAN, debug = ?Some("x"), r#type = "t")
        });
        let expected = json!({"name": "span", "text": text, "n": -3, "big": u64::MAX, "yes": true,
            "part": 0.5, "odd": "NaN", "debug": "Some(\"x\")", "type": "t"});
        assert_eq!(span, expected);
    }

    #[test]
    fn later_fields_are_added_and_the_last_value_is_used() {
        let span = logged(|| {
            let span = info_span!("span", first = 1, later = Empty, last = Empty);
            span.record("later", "\"2\"");
            span.record("last", 3);
            span.record("last", 4);
            span
        });
        assert_eq!(span, json!({"name": "span", "first": 1, "later": "\"2\"", "last": 4}));
    }

    #[test]
    fn a_span_may_have_no_fields_at_first() {
        assert_eq!(logged(|| info_span!("span")), json!({"name": "span"}));
        let span = logged(|| {
            let span = info_span!("span", later = Empty);
            span.record("later", 2);
            span
        });
        assert_eq!(span, json!({"name": "span", "later": 2}));
    }
}
