//! What was measured: as a table, as JSON, as a plot.

use std::{fmt::Write, fs, path::Path};

use serde_json::json;

/// One measurement beside its yardstick.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What.
    pub(crate) name: String,
    /// Ours, a second.
    pub(crate) ours: f64,
    /// Milliseconds that half of ours took at most, and 99 of 100.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The yardstick, a second.
    pub(crate) yardstick: f64,
    /// What it is.
    pub(crate) beside: &'static str,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.ours / self.yardstick
    }
}

/// The table.
pub(crate) fn print(rows: &[Row]) {
    println!("| what | ours/s | p50 ms | p99 ms | yardstick | yardstick/s | ratio |");
    println!("|---|---|---|---|---|---|---|");
    for row in rows {
        let Row { name, ours, p50, p99, yardstick, beside } = row;
        let ratio = row.ratio();
        println!(
            "| {name} | {ours:.0} | {p50:.1} | {p99:.1} | {beside} | {yardstick:.0} | ×{ratio:.2} |"
        );
    }
}

/// `bench.json` and `bench.svg`.
pub(crate) fn write(rows: &[Row], folder: &Path) {
    let values = rows.iter().map(|row| {
        json!({
            "name": row.name, "perSecond": row.ours, "p50Ms": row.p50, "p99Ms": row.p99,
            "yardstick": row.beside, "yardstickPerSecond": row.yardstick, "ratio": row.ratio(),
        })
    });
    let values = json!(values.collect::<Vec<_>>());
    fs::create_dir_all(folder).expect("the folder can be made");
    fs::write(folder.join("bench.json"), format!("{values:#}\n")).expect("the folder is writable");
    fs::write(folder.join("bench.svg"), plot(rows)).expect("the folder is writable");
}

/// Two bars a row: ours above the yardstick.
fn plot(rows: &[Row]) -> String {
    let most = rows.iter().map(|row| row.ours.max(row.yardstick)).fold(1.0, f64::max);
    let height = rows.len() * 56 + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"760\" height=\"{height}\" \
         fill=\"#fff\"/>\n"
    );
    for (at, row) in rows.iter().enumerate() {
        let top = at * 56 + 14;
        let bars = [("#2563eb", row.ours, &*row.name), ("#9ca3af", row.yardstick, row.beside)];
        for (line, (colour, value, label)) in bars.into_iter().enumerate() {
            let (y, width) = (top + line * 20, value / most * 400.0);
            let text = y + 13;
            let end = 266.0 + width;
            writeln!(
                svg,
                "<text x=\"250\" y=\"{text}\" text-anchor=\"end\">{label}</text>\
                 <rect x=\"260\" y=\"{y}\" width=\"{width:.0}\" height=\"16\" fill=\"{colour}\"/>\
                 <text x=\"{end:.0}\" y=\"{text}\">{value:.0}/s</text>"
            )
            .expect("writing to a string succeeds");
        }
    }
    svg.push_str("</svg>\n");
    svg
}
