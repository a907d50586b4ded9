//! The settings of a process: defaults, then the environment, then flags, read by clap, which
//! also writes `--help`. Every setting is listed with its default in the README.

mod exit;
mod settings;

pub use exit::{BAD_CONFIGURATION, parse, refuse};
pub use settings::{DatabaseUrl, RateLimits, Settings};
