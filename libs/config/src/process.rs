//! Settings of every process.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use onethread_telemetry::LogFormat;

use crate::Dump;

/// Settings of every process.
#[derive(Debug, Clone, Args)]
pub struct ProcessArgs {
    /// Data folder (one process at a time)
    #[arg(long, env = "ONETHREAD_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
    /// Log format: text or json [default: text on a terminal, else json]
    #[arg(long, env = "ONETHREAD_LOG_FORMAT", value_parser = log_format)]
    pub log_format: Option<LogFormat>,
    /// Print the settings with secrets hidden, and exit
    #[arg(long)]
    pub dump_config: bool,
}

/// A task that a process with a database performs instead of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Migrate the database schema and exit
    Migrate,
}

impl Dump for ProcessArgs {
    fn lines(&self, _: &Path) -> Vec<(&'static str, String)> {
        let format = self.log_format.unwrap_or_else(LogFormat::default_for_stderr);
        let format = if format == LogFormat::Json { "json" } else { "text" };
        vec![("DATA_DIR", self.data_dir.display().to_string()), ("LOG_FORMAT", format.to_owned())]
    }
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("`text` or `json` is expected"),
    }
}
