//! The output of `--dump-config`.

use std::path::Path;

/// A group of settings that `--dump-config` prints.
pub trait Dump {
    /// Returns each setting under the name of its environment variable without `ONETHREAD_`, with
    /// secrets hidden. Some defaults are paths in the data folder.
    fn lines(&self, data_dir: &Path) -> Vec<(&'static str, String)>;
}

/// Formats groups of settings as `NAME=value` lines that can be used as an environment file.
pub fn dump(data_dir: &Path, groups: &[&dyn Dump]) -> String {
    let lines = groups.iter().flat_map(|group| group.lines(data_dir));
    lines.map(|(name, value)| format!("ONETHREAD_{name}={value}\n")).collect()
}

/// Returns the placeholder that is printed instead of a secret.
pub(crate) fn hidden<T>(secret: Option<&T>) -> String {
    secret.map_or_else(String::new, |_| "***".to_owned())
}
