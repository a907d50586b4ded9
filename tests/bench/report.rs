//! Results as a table, as JSON and as a plot.

use std::{fmt::Write, fs, path::PathBuf};

use serde_json::{Value, json};

/// One measurement, with its baseline if it has one.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// Our value.
    pub(crate) ours: f64,
    /// Unit of both values: `/s`, `ms`, `MiB` …
    pub(crate) unit: &'static str,
    /// The baseline.
    pub(crate) baseline: Option<Baseline>,
    /// The goal.
    pub(crate) goal: Goal,
    /// Additional results, such as `p50 0.6 ms, p99 6.4 ms`.
    pub(crate) notes: String,
}

/// The baseline of a comparison, measured in the same run.
#[derive(Debug, Clone)]
pub(crate) struct Baseline {
    /// Name of the baseline.
    pub(crate) name: &'static str,
    /// Value in the row's unit.
    pub(crate) value: f64,
}

/// The goal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Our value is at least this many times the baseline.
    AtLeast(f64),
    /// Our value is at most this many times the baseline.
    AtMost(f64),
    /// Our value is at most this.
    Below(f64),
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        Some(self.ours / self.baseline.as_ref()?.value)
    }

    fn reached(&self) -> bool {
        let ratio = self.ratio();
        match self.goal {
            Goal::AtLeast(least) => ratio.is_some_and(|ratio| ratio >= least),
            Goal::AtMost(most) => ratio.is_some_and(|ratio| ratio <= most),
            Goal::Below(most) => self.ours <= most,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::AtLeast(least) => format!("≥ ×{least}"),
            Goal::AtMost(most) => format!("≤ ×{most}"),
            Goal::Below(most) => format!("≤ {}", amount(most, self.unit)),
        }
    }
}

/// Formats a value with its significant digits.
fn amount(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let gap = if unit.starts_with('/') { "" } else { " " };
    format!("{value:.digits$}{gap}{unit}")
}

/// The results of one run. They are written to disk after each benchmark.
#[derive(Debug)]
pub(crate) struct Report {
    folder: PathBuf,
    rows: Vec<Row>,
    failed: Vec<&'static str>,
}

impl Report {
    /// Creates a report in this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, rows: Vec::new(), failed: Vec::new() }
    }

    /// Adds the rows of a benchmark, or `None` if it failed.
    pub(crate) fn add(&mut self, name: &'static str, rows: Option<Vec<Row>>) {
        match rows {
            Some(rows) => self.rows.extend(rows),
            None => self.failed.push(name),
        }
        fs::create_dir_all(&self.folder).expect("the folder can be made");
        let values = self.rows.iter().map(|row| {
            json!({
                "what": row.what, "ours": row.ours, "unit": row.unit,
                "baseline": row.baseline.as_ref().map_or(Value::Null, |baseline| json!({
                    "name": baseline.name, "value": baseline.value,
                })),
                "ratio": row.ratio(), "goal": row.goal(), "reached": row.reached(),
                "notes": row.notes,
            })
        });
        let values = json!({"rows": values.collect::<Vec<_>>(), "failed": self.failed});
        let json = format!("{values:#}\n");
        fs::write(self.folder.join("bench.json"), json).expect("the folder is writable");
        fs::write(self.folder.join("bench.svg"), plot(&self.rows)).expect("the folder is writable");
    }

    /// Prints the table. Returns the exit status: 1 if a benchmark failed.
    pub(crate) fn end(self) -> i32 {
        println!("| what | ours | baseline | ratio | goal | reached | |");
        println!("|---|---|---|---|---|---|---|");
        for row in &self.rows {
            let ours = amount(row.ours, row.unit);
            let baseline = row.baseline.as_ref().map_or(String::new(), |baseline| {
                format!("{} ({})", amount(baseline.value, row.unit), baseline.name)
            });
            let ratio = row.ratio().map_or(String::new(), |ratio| format!("×{ratio:.2}"));
            let reached = if row.reached() { "yes" } else { "no" };
            let (what, goal, notes) = (&row.what, row.goal(), &row.notes);
            println!("| {what} | {ours} | {baseline} | {ratio} | {goal} | {reached} | {notes} |");
        }
        for name in &self.failed {
            println!("\n{name} failed; see its output above.");
        }
        i32::from(!self.failed.is_empty())
    }
}

/// Draws two bars for each row, ours above the baseline. Each row has its own scale.
fn plot(rows: &[Row]) -> String {
    let height = rows.len() * 62 + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"900\" height=\"{height}\" \
         fill=\"#fff\"/>\n"
    );
    for (at, row) in rows.iter().enumerate() {
        let top = at * 62 + 14;
        let other = row.baseline.as_ref();
        let limit = if let Goal::Below(most) = row.goal { most } else { 0.0 };
        let most = row.ours.max(other.map_or(limit, |other| other.value)).max(f64::MIN_POSITIVE);
        let color = if row.reached() { "#16a34a" } else { "#dc2626" };
        let ratio = row.ratio().map_or(String::new(), |ratio| format!(" ×{ratio:.2}"));
        let value_label = format!("{}{ratio} (goal {})", amount(row.ours, row.unit), row.goal());
        let mut bars = vec![(color, row.ours, row.what.as_str(), value_label)];
        if let Some(other) = other {
            bars.push(("#9ca3af", other.value, other.name, amount(other.value, row.unit)));
        }
        for (line, (color, value, label, value_label)) in bars.into_iter().enumerate() {
            let (y, width) = (top + line * 22, value / most * 300.0);
            let (text, end) = (y + 13, 376.0 + width);
            writeln!(
                svg,
                "<text x=\"360\" y=\"{text}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"370\" y=\"{y}\" width=\"{width:.0}\" height=\"16\" fill=\"{color}\"/>\
                 <text x=\"{end:.0}\" y=\"{text}\">{}</text>",
                escaped(label),
                escaped(&value_label)
            )
            .expect("writing to a string succeeds");
        }
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
