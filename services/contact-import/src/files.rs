//! The folder of uploaded files: one file an import, in a folder of its organization.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use onethread_core::{ImportId, OrganizationId};
use onethread_errors::Error;
use sha2::{Digest, Sha256};

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Files(PathBuf);

impl Files {
    /// Makes the folder where it is missing.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self(root))
    }

    /// The folder itself, for work files beside the uploads.
    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    fn path(&self, organization: OrganizationId, id: ImportId) -> PathBuf {
        self.0.join(organization.to_string()).join(id.to_string())
    }

    /// Begins a file. Blocks.
    pub(crate) fn create(&self, organization: OrganizationId, id: ImportId) -> io::Result<Upload> {
        let path = self.path(organization, id);
        fs::create_dir_all(self.0.join(organization.to_string()))?;
        let file = File::create_new(&path)?;
        Ok(Upload { file, path, hash: Sha256::new(), size: 0, kept: false })
    }

    /// Opens a file for reading. Blocks.
    pub(crate) fn read(&self, organization: OrganizationId, id: ImportId) -> io::Result<File> {
        File::open(self.path(organization, id))
    }

    /// Removes a file; one that is gone before is no error. Blocks.
    pub(crate) fn remove(&self, organization: OrganizationId, id: ImportId) -> io::Result<()> {
        match fs::remove_file(self.path(organization, id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Every file there is. Blocks.
    pub(crate) fn all(&self) -> io::Result<Vec<(OrganizationId, ImportId)>> {
        let mut found = Vec::new();
        for folder in fs::read_dir(&self.0)? {
            let folder = folder?;
            let Some(organization) = id_of(&folder.file_name()) else { continue };
            for file in fs::read_dir(folder.path())? {
                if let Some(import) = id_of(&file?.file_name()) {
                    found.push((OrganizationId(organization), ImportId(import)));
                }
            }
        }
        Ok(found)
    }
}

fn id_of(name: &std::ffi::OsStr) -> Option<uuid::Uuid> {
    name.to_str()?.parse().ok()
}

/// A file on its way in. Goes again when it is dropped before it was kept.
#[derive(Debug)]
pub(crate) struct Upload {
    file: File,
    path: PathBuf,
    hash: Sha256,
    size: u64,
    kept: bool,
}

impl Upload {
    /// Takes the next bytes. Blocks.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Brings the file and its name to disk and keeps it; gives the SHA-256. Blocks.
    pub(crate) fn keep(mut self) -> io::Result<Vec<u8>> {
        self.file.sync_all()?;
        for folder in self.path.ancestors().skip(1).take(2) {
            File::open(folder)?.sync_all()?;
        }
        self.kept = true;
        Ok(self.hash.finalize_reset().to_vec())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            // What stays behind all the same is cleared away a day later.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Runs file or other long work on a thread where it may block.
pub(crate) async fn blocking<T, F>(work: F) -> onethread_errors::Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(failed),
        Err(panicked) => Err(Error::internal(panicked)),
    }
}

/// A disk that is full or a machine that is short of something recovers; the rest needs somebody to
/// look.
fn failed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::storage_full(error),
        io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory => Error::unavailable(error),
        _ => Error::internal(error),
    }
}
