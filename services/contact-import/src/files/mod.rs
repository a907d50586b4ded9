//! Uploaded files: one object an import, under its organization, in a folder or in a bucket that
//! is spoken to in the S3 protocol. Work files stay on this machine.

mod s3;
mod stored;
mod upload;

use std::{
    error::Error as StdError,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::{Stream, StreamExt};
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path as Name};
use onethread_config::ObjectStoreUrl;
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Result};
use tokio::time::timeout;

pub(crate) use stored::StoredFile;
pub(crate) use upload::Upload;

/// How long one call of the object store may take, with all its tries.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes that are written to a disk at a time.
const DISK_PIECE: usize = 256 * 1024;
/// Bytes of one part of an upload in the S3 protocol: the fewest that it allows.
const S3_PIECE: usize = 5 * 1024 * 1024;

/// The uploaded files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    prefix: Name,
    /// Bytes that are written at a time.
    piece: usize,
    /// Where the files lie, when they lie in a folder.
    folder: Option<PathBuf>,
    /// Folder for work files.
    work: PathBuf,
}

impl Files {
    /// Finds the files: where the URL says, or in `folder`. Work files lie in `folder` either way;
    /// it is made where it is missing. The error is one line for the person who starts the process.
    pub fn open(url: Option<&ObjectStoreUrl>, folder: PathBuf) -> Result<Self, String> {
        let refused = |at: &Path, error: &dyn std::fmt::Display| {
            format!("folder of uploads {}: {error}", at.display())
        };
        fs::create_dir_all(&folder).map_err(|error| refused(&folder, &error))?;
        match url {
            Some(ObjectStoreUrl::S3 { bucket, prefix }) => {
                let said =
                    |error: &dyn std::fmt::Display| format!("s3://{bucket}/{prefix}: {error}");
                let prefix = Name::from_url_path(prefix).map_err(|error| said(&error))?;
                let store = Arc::new(s3::bucket(bucket).map_err(|error| said(&error))?);
                Ok(Self { store, prefix, piece: S3_PIECE, folder: None, work: folder })
            }
            Some(ObjectStoreUrl::Folder(at)) => Self::on_disk(at.clone(), folder, refused),
            None => Self::on_disk(folder.clone(), folder, refused),
        }
    }

    fn on_disk(
        at: PathBuf,
        work: PathBuf,
        refused: impl Fn(&Path, &dyn std::fmt::Display) -> String,
    ) -> Result<Self, String> {
        fs::create_dir_all(&at).map_err(|error| refused(&at, &error))?;
        let store = LocalFileSystem::new_with_prefix(&at).map_err(|error| refused(&at, &error))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self { store, prefix: Name::default(), piece: DISK_PIECE, folder: Some(at), work })
    }

    /// A folder of this machine for work files.
    pub(crate) fn work(&self) -> &Path {
        &self.work
    }

    fn name(&self, organization: OrganizationId, id: ImportId) -> Name {
        self.prefix.clone().join(organization.to_string()).join(id.to_string())
    }

    /// Begins a file. Nothing of it is to be seen before it is whole.
    pub(crate) fn create(&self, organization: OrganizationId, id: ImportId) -> Upload {
        Upload::new(self.clone(), self.name(organization, id))
    }

    /// Opens a file for reading. Blocks, and so does reading.
    pub(crate) fn read(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> io::Result<StoredFile> {
        StoredFile::open(self.clone(), self.name(organization, id))
    }

    /// Removes a file; one that is gone before is no error.
    pub(crate) async fn remove(&self, organization: OrganizationId, id: ImportId) -> Result<()> {
        let name = self.name(organization, id);
        let removed = timeout(PATIENCE, self.store.delete(&name)).await;
        match removed.map_err(Error::unavailable)? {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            removed => removed.map_err(|error| self.trouble(error)),
        }
    }

    /// Every file there is.
    pub(crate) fn all(&self) -> impl Stream<Item = Result<(OrganizationId, ImportId)>> + use<> {
        let files = self.clone();
        // An empty prefix is none.
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.is_root());
        self.store.list(prefix).filter_map(move |found| {
            let found = found.map_err(|error| files.trouble(error));
            std::future::ready(found.map(|object| ids(&object.location)).transpose())
        })
    }

    /// Removes what uploads left behind that were cut off with the process, where `abandoned` says
    /// that the import is none any more. In a bucket that is a rule of the bucket's. Blocks.
    pub(crate) fn clear_drafts(&self, abandoned: impl Fn(ImportId) -> bool) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        for organization in fs::read_dir(folder)? {
            let organization = organization?;
            if id_of(&organization.file_name().to_string_lossy()).is_none() {
                continue;
            }
            for file in fs::read_dir(organization.path())? {
                let file = file?;
                let name = file.file_name();
                // A file that is being written has `#` and a number behind its name.
                let draft = name.to_str().and_then(|name| id_of(name.split_once('#')?.0));
                if draft.is_some_and(|id| abandoned(ImportId(id))) {
                    fs::remove_file(file.path())?;
                }
            }
        }
        Ok(())
    }

    /// Waits for a call of the store, but not for ever.
    async fn wait<T>(&self, call: impl Future<Output = object_store::Result<T>>) -> Result<T> {
        let done = timeout(PATIENCE, call).await.map_err(Error::unavailable)?;
        done.map_err(|error| self.trouble(error))
    }

    /// A bucket comes back.
    fn trouble(&self, error: object_store::Error) -> Error {
        use object_store::Error as Store;
        match error {
            error @ Store::NotFound { .. } => Error::internal(error),
            // What the store says to a stranger names the key that it was asked with.
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
                Error::unavailable("the object store does not take these credentials")
            }
            error => told(error, self.folder.is_none()),
        }
    }
}

fn ids(name: &Name) -> Option<(OrganizationId, ImportId)> {
    let mut parts = name.as_ref().rsplit('/');
    let import = id_of(parts.next()?)?;
    Some((OrganizationId(id_of(parts.next()?)?), ImportId(import)))
}

fn id_of(name: &str) -> Option<uuid::Uuid> {
    name.parse().ok()
}

/// Runs file or other long work on a thread where it may block.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(failed),
        Err(panicked) => Err(Error::internal(panicked)),
    }
}

/// What an error of a file means: what an object store said, or what became of the disk.
pub(crate) fn failed(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(error) => told(error, false),
    }
}

/// A disk that is full or a machine that is short of something recovers; for the rest
/// `comes_back` says whether somebody needs to look.
fn told(error: impl StdError + Send + Sync + 'static, comes_back: bool) -> Error {
    let mut chain = std::iter::successors(Some(&error as &dyn StdError), |&error| error.source());
    let kind = chain.find_map(|error| error.downcast_ref::<io::Error>().map(io::Error::kind));
    match kind {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            Error::storage_full(error)
        }
        Some(io::ErrorKind::Interrupted | io::ErrorKind::OutOfMemory) => Error::unavailable(error),
        _ if comes_back => Error::unavailable(error),
        _ => Error::internal(error),
    }
}
