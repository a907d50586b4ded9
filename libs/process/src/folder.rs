//! The data folder: one process at a time, and the addresses it serves on.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::Serialize;

/// A data folder that this process holds.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// Holds the lock until the process ends, however it ends.
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where it is missing, and locks it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let refused = |error: std::io::Error| format!("data folder {}: {error}", path.display());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused)?;
        let mut open = File::options();
        let lock =
            open.create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"));
        let lock = lock.map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("data folder {}: another process is using it", path.display()));
            }
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        // A process that was killed left its addresses behind.
        folder.clear_addresses();
        Ok(folder)
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Tells where this process serves: the addresses really bound, each `host:port`, and its pid.
    pub fn write_addresses(&self, addresses: &impl Serialize) -> std::io::Result<()> {
        let text = serde_json::to_vec(addresses)?;
        write_private(&self.path("run.json"), &text)
    }

    /// Tells nothing any more.
    pub fn clear_addresses(&self) {
        // That it isn't there is what is wanted.
        let _ = fs::remove_file(self.path("run.json"));
    }
}

/// Writes a file of mode 0600 whole: a reader finds all of it or nothing, a power cut too.
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
    fn a_folder_has_one_holder_and_is_free_after_it() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("deep/data");
        let first = DataFolder::open(&path).unwrap();
        assert!(DataFolder::open(&path).unwrap_err().contains("another process"));
        drop(first);
        DataFolder::open(&path).unwrap();
    }
}
