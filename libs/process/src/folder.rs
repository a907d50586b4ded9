//! The data folder, which one process uses at a time, and `run.json` in it.

use std::{
    fs::{self, File, TryLockError},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::Serialize;
use tracing::warn;

/// The folder of uploaded files.
const UPLOADS: &str = "uploads";

/// Endings of the names of our files: databases with their logs, keys and secrets.
const ENDINGS: [&str; 5] = [".db", ".db-wal", ".db-shm", ".json", ".draft"];

/// A data folder that this process has locked.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// The lock ends with the process, also when it is killed.
    _lock: File,
}

impl DataFolder {
    /// Creates the folder if it is missing, and locks it. The folder and our files in it become those of
    /// their owner alone, whatever their permissions were before.
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
        make_private(path, is_own_file);
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

/// Only files of ours: the folder may be one that has others as well.
fn is_own_file(name: &str) -> bool {
    name == "lock" || name == UPLOADS || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Takes the folder, and what it holds of these names, away from everyone but its owner. A volume may
/// belong to someone else who alone can do that, so a failure is only logged.
fn make_private(path: &Path, is_wanted: fn(&str) -> bool) {
    let restrict = || {
        let found = fs::symlink_metadata(path)?;
        let mode = match found.file_type() {
            kind if kind.is_dir() => 0o700,
            kind if kind.is_file() => 0o600,
            _ => return Ok(false),
        };
        if found.permissions().mode() & 0o7777 != mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        Ok::<_, std::io::Error>(found.is_dir())
    };
    let is_folder = restrict().unwrap_or_else(|error| {
        warn!(path = %path.display(), %error, "others may be able to read this");
        path.is_dir()
    });
    for entry in is_folder.then(|| fs::read_dir(path)).into_iter().flatten().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_wanted) {
            make_private(&entry.path(), |_| true);
        }
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

    #[test]
    fn a_folder_that_others_could_read_becomes_private_and_other_files_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("data");
        let organization = path.join("uploads/organization");
        fs::create_dir_all(&organization).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let chmod = |path: &Path, mode: u32| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let own = [
            "identity.db",
            "identity.db-wal",
            "identity.db-shm",
            "server-keys.json",
            "bootstrap.json",
            "run.json",
            "uploads/organization/import",
        ];
        for name in own.iter().chain(&["tool"]) {
            fs::write(path.join(name), "x").unwrap();
            chmod(&path.join(name), 0o755);
        }
        let elsewhere = scratch.path().join("elsewhere.db");
        fs::write(&elsewhere, "x").unwrap();
        chmod(&elsewhere, 0o644);
        std::os::unix::fs::symlink(&elsewhere, path.join("linked.db")).unwrap();
        for folder in [&path, &path.join("uploads"), &organization] {
            chmod(folder, 0o755);
        }
        drop(DataFolder::open(&path).unwrap());
        for folder in [&path, &path.join("uploads"), &organization] {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
        for name in own.iter().filter(|name| **name != "run.json") {
            assert_eq!(mode(&path.join(name)), 0o600, "{name}");
        }
        assert_eq!(mode(&path.join("lock")), 0o600);
        assert_eq!((mode(&path.join("tool")), mode(&elsewhere)), (0o755, 0o644));
    }
}
