//! A file on its way in: written piece by piece, hashed on the way.

use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, ObjectStoreExt, path::Path as Name};
use onethread_errors::Result;
use sha2::{Digest, Sha256};
use tokio::{runtime::Handle, time::timeout};

use super::{Files, PATIENCE};

/// A file on its way in. Goes again when it is dropped before it was kept.
#[derive(Debug)]
pub(crate) struct Upload {
    files: Files,
    name: Name,
    hash: Sha256,
    size: u64,
    /// What is not yet enough for a piece.
    held: BytesMut,
    /// Where pieces go; `None` while there was none.
    parts: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(super) fn new(files: Files, name: Name) -> Self {
        Self { files, name, hash: Sha256::new(), size: 0, held: BytesMut::new(), parts: None }
    }

    /// Takes the next bytes.
    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.files.piece - self.held.len();
            let (fits, rest) = bytes.split_at(room.min(bytes.len()));
            self.held.extend_from_slice(fits);
            bytes = rest;
            if self.held.len() == self.files.piece {
                self.send().await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<()> {
        let piece: Bytes = self.held.split().freeze();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let begun = self.files.wait(self.files.store.put_multipart(&self.name)).await?;
                self.parts.insert(begun)
            }
        };
        self.files.wait(parts.put_part(piece.into())).await
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Brings the file to where it lasts and keeps it; gives the SHA-256.
    pub(crate) async fn keep(mut self) -> Result<Vec<u8>> {
        if self.parts.is_none() {
            let whole = self.held.split().freeze();
            self.files.wait(self.files.store.put(&self.name, whole.into())).await?;
        } else if !self.held.is_empty() {
            self.send().await?;
        }
        if let Some(parts) = &mut self.parts {
            self.files.wait(parts.complete()).await?;
        }
        self.parts = None;
        Ok(self.hash.finalize_reset().to_vec())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (Some(mut parts), Ok(runtime)) = (self.parts.take(), Handle::try_current()) else {
            return;
        };
        // What stays behind all the same is cleared away later.
        runtime.spawn(async move {
            let _ = timeout(PATIENCE, parts.abort()).await;
        });
    }
}
