//! What was measured: as a table, as JSON, as a plot.

use std::{fmt::Write, fs, path::PathBuf};

use serde_json::{Value, json};

/// One measurement, beside its yardstick where it has one.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What.
    pub(crate) what: String,
    /// Ours.
    pub(crate) ours: f64,
    /// Of ours and of the yardstick: `/s`, `ms`, `MiB` …
    pub(crate) unit: &'static str,
    /// What it is compared with.
    pub(crate) yardstick: Option<Yardstick>,
    /// What is to be reached.
    pub(crate) goal: Goal,
    /// Whatever else was seen, such as `p50 0.6 ms, p99 6.4 ms`.
    pub(crate) notes: String,
}

/// The other side of a comparison, measured in the same run.
#[derive(Debug, Clone)]
pub(crate) struct Yardstick {
    /// What it is.
    pub(crate) name: &'static str,
    /// In the row's unit.
    pub(crate) value: f64,
}

/// What is to be reached.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Ours is at least so many times the yardstick.
    AtLeast(f64),
    /// Ours is at most so many times the yardstick.
    AtMost(f64),
    /// Ours itself is at most this.
    Below(f64),
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        Some(self.ours / self.yardstick.as_ref()?.value)
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

/// With as many digits as mean something.
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

/// All that is measured in one run. What is there so far is on disk.
#[derive(Debug)]
pub(crate) struct Report {
    folder: PathBuf,
    rows: Vec<Row>,
    failed: Vec<&'static str>,
}

impl Report {
    /// Into this folder.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, rows: Vec::new(), failed: Vec::new() }
    }

    /// Takes the rows of one benchmark; `None` when it failed.
    pub(crate) fn add(&mut self, name: &'static str, rows: Option<Vec<Row>>) {
        match rows {
            Some(rows) => self.rows.extend(rows),
            None => self.failed.push(name),
        }
        fs::create_dir_all(&self.folder).expect("the folder can be made");
        let values = self.rows.iter().map(|row| {
            json!({
                "what": row.what, "ours": row.ours, "unit": row.unit,
                "yardstick": row.yardstick.as_ref().map_or(Value::Null, |yardstick| json!({
                    "name": yardstick.name, "value": yardstick.value,
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

    /// Prints the table. The status to end with: 1 when a benchmark failed, whatever it measures.
    pub(crate) fn end(self) -> i32 {
        println!("| what | ours | yardstick | ratio | goal | reached | |");
        println!("|---|---|---|---|---|---|---|");
        for row in &self.rows {
            let ours = amount(row.ours, row.unit);
            let yardstick = row.yardstick.as_ref().map_or(String::new(), |yardstick| {
                format!("{} ({})", amount(yardstick.value, row.unit), yardstick.name)
            });
            let ratio = row.ratio().map_or(String::new(), |ratio| format!("×{ratio:.2}"));
            let reached = if row.reached() { "yes" } else { "no" };
            let (what, goal, notes) = (&row.what, row.goal(), &row.notes);
            println!("| {what} | {ours} | {yardstick} | {ratio} | {goal} | {reached} | {notes} |");
        }
        for name in &self.failed {
            println!("\n{name} failed; what it said stands above.");
        }
        i32::from(!self.failed.is_empty())
    }
}

/// Two bars a row, ours above the yardstick, each row on a scale of its own.
fn plot(rows: &[Row]) -> String {
    let height = rows.len() * 62 + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"900\" height=\"{height}\" \
         fill=\"#fff\"/>\n"
    );
    for (at, row) in rows.iter().enumerate() {
        let top = at * 62 + 14;
        let other = row.yardstick.as_ref();
        let limit = if let Goal::Below(most) = row.goal { most } else { 0.0 };
        let most = row.ours.max(other.map_or(limit, |other| other.value)).max(f64::MIN_POSITIVE);
        let colour = if row.reached() { "#16a34a" } else { "#dc2626" };
        let ratio = row.ratio().map_or(String::new(), |ratio| format!(" ×{ratio:.2}"));
        let said = format!("{}{ratio} (goal {})", amount(row.ours, row.unit), row.goal());
        let mut bars = vec![(colour, row.ours, row.what.as_str(), said)];
        if let Some(other) = other {
            bars.push(("#9ca3af", other.value, other.name, amount(other.value, row.unit)));
        }
        for (line, (colour, value, label, said)) in bars.into_iter().enumerate() {
            let (y, width) = (top + line * 22, value / most * 300.0);
            let (text, end) = (y + 13, 376.0 + width);
            writeln!(
                svg,
                "<text x=\"360\" y=\"{text}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"370\" y=\"{y}\" width=\"{width:.0}\" height=\"16\" fill=\"{colour}\"/>\
                 <text x=\"{end:.0}\" y=\"{text}\">{}</text>",
                escaped(label),
                escaped(&said)
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
