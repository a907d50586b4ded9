//! Fields of spans as JSON lines show them. The library's own formatter reads back what a span
//! has so far and writes it anew with every field that comes later, which costs more than all else
//! about a span; this one appends.

use std::fmt::{self, Debug, Write};

use tracing::{
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{FormatFields, FormattedFields, format::Writer},
};

/// Writes a JSON object. A field that is recorded twice stands in it twice; the last one counts.
#[derive(Debug)]
pub(crate) struct JsonFields;

impl<'a> FormatFields<'a> for JsonFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut object = Object { writer, first: true, result: Ok(()) };
        object.put(format_args!("{{"));
        fields.record(&mut object);
        object.put(format_args!("}}"));
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
        let first = current.fields == "{";
        let mut object = Object { writer: current.as_writer(), first, result: Ok(()) };
        fields.record(&mut object);
        object.put(format_args!("}}"));
        object.result
    }
}

struct Object<'a> {
    writer: Writer<'a>,
    first: bool,
    result: fmt::Result,
}

impl Object<'_> {
    fn put(&mut self, text: fmt::Arguments<'_>) {
        self.result = self.result.and_then(|()| self.writer.write_fmt(text));
    }

    /// A value that is JSON as it is displayed.
    fn entry(&mut self, field: &Field, value: impl fmt::Display) {
        // The name of a keyword is written so in the source.
        let name = field.name().trim_start_matches("r#");
        let comma = if std::mem::take(&mut self.first) { "" } else { "," };
        self.put(format_args!("{comma}\"{name}\":{value}"));
    }

    fn text(&mut self, field: &Field, text: impl fmt::Display) {
        self.entry(field, "\"");
        let mut escaped = Escaped(&mut self.writer);
        self.result = self.result.and_then(|()| write!(escaped, "{text}"));
        self.put(format_args!("\""));
    }
}

impl Visit for Object<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no other numbers.
        if value.is_finite() { self.entry(field, value) } else { self.text(field, value) }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.entry(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.entry(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.entry(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

/// The inside of a JSON text.
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

    /// The span of a line that is written in it.
    fn shown(make: impl FnOnce() -> tracing::Span) -> Value {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .fmt_fields(JsonFields)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            make().in_scope(|| info!("said"));
        });
        let line: Value = serde_json::from_slice(&lines.0.lock().unwrap()).unwrap();
        assert_eq!(line["message"], "said");
        line["spans"][0].clone()
    }

    #[test]
    fn every_kind_of_field_stands_in_the_line() {
        let text = "a \"quoted\" \\ text\nof\ttwo lines, \u{1} ä 😀";
        let span = shown(|| {
            info_span!("span", text, n = -3, big = u64::MAX, yes = true, part = 0.5,
                odd = f64::NAN, debug = ?Some("x"), r#type = "t")
        });
        let expected = json!({"name": "span", "text": text, "n": -3, "big": u64::MAX, "yes": true,
            "part": 0.5, "odd": "NaN", "debug": "Some(\"x\")", "type": "t"});
        assert_eq!(span, expected);
    }

    #[test]
    fn what_comes_later_is_added_and_the_last_value_counts() {
        let span = shown(|| {
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
        assert_eq!(shown(|| info_span!("span")), json!({"name": "span"}));
        let span = shown(|| {
            let span = info_span!("span", later = Empty);
            span.record("later", 2);
            span
        });
        assert_eq!(span, json!({"name": "span", "later": 2}));
    }
}
