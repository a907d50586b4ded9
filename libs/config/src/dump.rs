//! `--dump-config`.

use std::path::Path;

/// A group of settings that can be shown.
pub trait Dump {
    /// Each setting by its name in the environment without `ONETHREAD_`, secrets hidden. The data
    /// folder is where some defaults lie.
    fn lines(&self, data_dir: &Path) -> Vec<(&'static str, String)>;
}

/// The groups as `NAME=value` lines, in the names of the environment.
pub fn dump(data_dir: &Path, groups: &[&dyn Dump]) -> String {
    let lines = groups.iter().flat_map(|group| group.lines(data_dir));
    lines.map(|(name, value)| format!("ONETHREAD_{name}={value}\n")).collect()
}

/// What stands for a secret.
pub(crate) fn hidden<T>(secret: Option<&T>) -> String {
    secret.map_or_else(String::new, |_| "***".to_owned())
}
