//! Storage of uploaded files: one object per import, under its organization, in a folder or in an
//! S3-compatible bucket. Work files are always on this machine.

mod error;
mod reader;
mod s3;
mod writer;

use std::{
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

pub(crate) use error::io_error;
pub(crate) use reader::FileReader;
pub(crate) use writer::FileWriter;

/// Longest call of the object store, with its retries.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes written to a disk at a time.
const DISK_PART_BYTES: usize = 256 * 1024;
/// Bytes of a part of an S3 upload: the fewest that S3 allows.
const S3_PART_BYTES: usize = 5 * 1024 * 1024;

/// Uploaded files. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FileStorage {
    store: Arc<dyn ObjectStore>,
    prefix: Name,
    /// Bytes written at a time.
    part_bytes: usize,
    /// The folder, when files are stored in one.
    folder: Option<PathBuf>,
    /// Folder for work files.
    work_folder: PathBuf,
}

impl FileStorage {
    /// Opens the storage at the URL, or in `folder`. Work files are in `folder` in both cases; it is
    /// created if it is missing.
    ///
    /// # Errors
    ///
    /// One line for the person who starts the process, when a folder can't be created or the
    /// settings of the bucket are wrong. Whether the bucket can be reached shows with the first file.
    pub fn open(url: Option<&ObjectStoreUrl>, folder: PathBuf) -> Result<Self, String> {
        let folder_error = |at: &Path, error: &dyn std::fmt::Display| {
            format!("folder of uploads {}: {error}", at.display())
        };
        fs::create_dir_all(&folder).map_err(|error| folder_error(&folder, &error))?;
        match url {
            Some(ObjectStoreUrl::S3 { bucket, prefix }) => {
                let bucket_error =
                    |error: &dyn std::fmt::Display| format!("s3://{bucket}/{prefix}: {error}");
                let prefix = Name::from_url_path(prefix).map_err(|error| bucket_error(&error))?;
                let store = Arc::new(s3::bucket(bucket).map_err(|error| bucket_error(&error))?);
                Ok(Self {
                    store,
                    prefix,
                    part_bytes: S3_PART_BYTES,
                    folder: None,
                    work_folder: folder,
                })
            }
            Some(ObjectStoreUrl::Folder(at)) => Self::on_disk(at.clone(), folder, folder_error),
            None => Self::on_disk(folder.clone(), folder, folder_error),
        }
    }

    fn on_disk(
        at: PathBuf,
        work_folder: PathBuf,
        folder_error: impl Fn(&Path, &dyn std::fmt::Display) -> String,
    ) -> Result<Self, String> {
        fs::create_dir_all(&at).map_err(|error| folder_error(&at, &error))?;
        let store =
            LocalFileSystem::new_with_prefix(&at).map_err(|error| folder_error(&at, &error))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self {
            store,
            prefix: Name::default(),
            part_bytes: DISK_PART_BYTES,
            folder: Some(at),
            work_folder,
        })
    }

    /// A folder on this machine for work files.
    pub(crate) fn work_folder(&self) -> &Path {
        &self.work_folder
    }

    fn name(&self, organization: OrganizationId, id: ImportId) -> Name {
        self.prefix.clone().join(organization.to_string()).join(id.to_string())
    }

    /// Starts a file. Readers don't see it before it is complete.
    pub(crate) fn create(&self, organization: OrganizationId, id: ImportId) -> FileWriter {
        FileWriter::new(self.clone(), self.name(organization, id))
    }

    /// Opens a file for reading. Blocks, and so does reading.
    pub(crate) fn open_file(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> io::Result<FileReader> {
        FileReader::open(self.clone(), self.name(organization, id))
    }

    /// Removes a file, if it exists.
    pub(crate) async fn remove(&self, organization: OrganizationId, id: ImportId) -> Result<()> {
        let name = self.name(organization, id);
        let removed = timeout(CALL_TIMEOUT, self.store.delete(&name)).await;
        match removed.map_err(Error::unavailable)? {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            removed => removed.map_err(|error| self.store_error(error)),
        }
    }

    /// Lists all files.
    pub(crate) fn list(&self) -> impl Stream<Item = Result<(OrganizationId, ImportId)>> + use<> {
        let files = self.clone();
        // The store takes no empty prefix.
        let prefix = Some(&self.prefix).filter(|prefix| !prefix.is_root());
        self.store.list(prefix).filter_map(move |found| {
            let found = found.map_err(|error| files.store_error(error));
            std::future::ready(found.map(|object| ids(&object.location)).transpose())
        })
    }

    /// Removes drafts of uploads that ended with their process, for which `is_abandoned` returns
    /// true. In a bucket, a lifecycle rule of the bucket does this. Blocks.
    pub(crate) fn remove_drafts(&self, is_abandoned: impl Fn(ImportId) -> bool) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        for organization in fs::read_dir(folder)? {
            let organization = organization?;
            if id_of(&organization.file_name().to_string_lossy()).is_none() {
                continue;
            }
            for file in fs::read_dir(organization.path())? {
                let file = file?;
                let name = file.file_name();
                // The name of a file that is being written ends with `#` and a number.
                let draft = name.to_str().and_then(|name| id_of(name.split_once('#')?.0));
                if draft.is_some_and(|id| is_abandoned(ImportId(id))) {
                    fs::remove_file(file.path())?;
                }
            }
        }
        Ok(())
    }

    /// Waits for a call of the store, for a limited time.
    async fn call<T>(&self, call: impl Future<Output = object_store::Result<T>>) -> Result<T> {
        let done = timeout(CALL_TIMEOUT, call).await.map_err(Error::unavailable)?;
        done.map_err(|error| self.store_error(error))
    }

    fn store_error(&self, error: object_store::Error) -> Error {
        use object_store::Error as Store;
        match error {
            error @ Store::NotFound { .. } => Error::internal(error),
            // The message of the store contains the access key.
            Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
                Error::unavailable("the object store does not take these credentials")
            }
            // A bucket that can't be used now may be later.
            error => error::classify(error, self.folder.is_none()),
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

/// Runs work that blocks on a thread for such work.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T>
where
    F: FnOnce() -> io::Result<T> + Send + 'static,
    T: Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(io_error),
        Err(panicked) => Err(Error::internal(panicked)),
    }
}
