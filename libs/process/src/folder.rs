//! The data folder, which one process uses at a time, and `run.json` in it.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::Serialize;

/// A data folder that this process has locked.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// The lock ends with the process, also when it is killed.
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if it is missing, and locks it.
    ///
    /// # Errors
    ///
    /// One line for the person who starts the process, when that fails or another process has it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("data folder {}: {error}", path.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let mut open = File::options();
        let lock =
            open.create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("data folder {}: another process is using it", path.display()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        // A process that was killed left its addresses behind.
        folder.clear_addresses();
        Ok(folder)
    }

    /// The path of a file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes `run.json`: the bound addresses, each `host:port`, and the process id.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn write_addresses(&self, addresses: &impl Serialize) -> std::io::Result<()> {
        let text = serde_json::to_vec(addresses)?;
        write_private(&self.path("run.json"), &text)
    }

    /// Removes `run.json`, if it exists.
    pub fn clear_addresses(&self) {
        let _ = fs::remove_file(self.path("run.json"));
    }
}

/// Writes a file with mode 0600 atomically and durably.
///
/// # Errors
///
/// When the file can't be written. An earlier version of it stays then.
pub fn write_private(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let draft = file.with_extension("draft");
    let mut open = File::options();
    let mut written = open.create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
    written.write_all(content)?;
    written.sync_all()?;
    fs::rename(&draft, file)?;
    match file.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_while_it_is_in_use() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("deep/data");
        let first = DataFolder::open(&path).unwrap();
        assert!(DataFolder::open(&path).unwrap_err().contains("another process"));
        drop(first);
        DataFolder::open(&path).unwrap();
    }
}
