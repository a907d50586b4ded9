//! Writing a file: in parts, and hashed on the way.

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStoreExt, path::Path as Name};
use onethread_errors::Result;
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, time::timeout};

use super::{CALL_TIMEOUT, FileStorage};

/// A file that is being written. It is removed when it is dropped unfinished.
#[derive(Debug)]
pub(crate) struct FileWriter {
    files: FileStorage,
    name: Name,
    hash: Sha256,
    size: u64,
    /// Bytes that don't fill a part yet.
    buffer: BytesMut,
    /// The multipart upload, once the first part was sent.
    parts: Option<Box<dyn MultipartUpload>>,
}

impl FileWriter {
    pub(super) fn new(files: FileStorage, name: Name) -> Self {
        Self { files, name, hash: Sha256::new(), size: 0, buffer: BytesMut::new(), parts: None }
    }

    /// Writes the next bytes.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let capacity = self.files.part_bytes - self.buffer.len();
            let (fits, rest) = bytes.split_at(capacity.min(bytes.len()));
            self.buffer.extend_from_slice(fits);
            bytes = rest;
            if self.buffer.len() == self.files.part_bytes {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<()> {
        let part: Bytes = self.buffer.split().freeze();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let upload = self.files.call(self.files.store.put_multipart(&self.name)).await?;
                self.parts.insert(upload)
            }
        };
        self.files.call(parts.put_part(part.into())).await
    }

    /// Bytes written so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Completes the file durably and returns its SHA-256.
    pub(crate) async fn finish(mut self) -> Result<Vec<u8>> {
        if self.parts.is_none() {
            let whole = self.buffer.split().freeze();
            self.files.call(self.files.store.put(&self.name, whole.into())).await?;
        } else if !self.buffer.is_empty() {
            self.send_part().await?;
        }
        if let Some(parts) = &mut self.parts {
            self.files.call(parts.complete()).await?;
        }
        self.parts = None;
        Ok(self.hash.finalize_reset().to_vec())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        let (Some(mut parts), Ok(runtime)) = (self.parts.take(), Handle::try_current()) else {
            return;
        };
        // If this fails, the sweeper or a rule of the bucket removes the parts later.
        runtime.spawn(async move {
            let _ = timeout(CALL_TIMEOUT, parts.abort()).await;
        });
    }
}
