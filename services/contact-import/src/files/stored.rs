//! Reading a file: as one of a folder, or a piece at a time out of a bucket, where no connection is
//! held open while what was read is worked on.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use bytes::{Buf, Bytes};
use object_store::{GetResultPayload, ObjectStoreExt, path::Path as Name};
use tokio::runtime::Handle;

use super::Files;

/// Bytes read at a time out of a bucket.
const PIECE: u64 = 1024 * 1024;

/// A file that is read. For threads that may block.
#[derive(Debug)]
pub(crate) enum StoredFile {
    /// In a folder.
    Disk(File),
    /// In a bucket.
    Bucket(Pieces),
}

impl StoredFile {
    /// Opens a file; there has to be one. To be called on a thread of the runtime.
    pub(super) fn open(files: Files, name: Name) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        if files.folder.is_some() {
            let found = runtime.block_on(files.wait(files.store.get(&name)));
            if let GetResultPayload::File(file, _) = found.map_err(io::Error::other)?.payload {
                return Ok(Self::Disk(file));
            }
        }
        let found = runtime.block_on(files.wait(files.store.head(&name)));
        let size = found.map_err(io::Error::other)?.size;
        Ok(Self::Bucket(Pieces { files, name, runtime, size, offset: 0, ahead: Bytes::new() }))
    }
}

impl Read for StoredFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read(buffer),
            Self::Bucket(pieces) => pieces.read(buffer),
        }
    }
}

impl Seek for StoredFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Disk(file) => file.seek(to),
            Self::Bucket(pieces) => pieces.seek(to),
        }
    }
}

/// A file of a bucket.
#[derive(Debug)]
pub(crate) struct Pieces {
    files: Files,
    name: Name,
    runtime: Handle,
    size: u64,
    /// Where `ahead` ends in the file.
    offset: u64,
    /// What was read and not yet asked for.
    ahead: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            let end = self.size.min(self.offset + PIECE);
            if end <= self.offset {
                return Ok(0);
            }
            let piece = self.files.store.get_range(&self.name, self.offset..end);
            let piece = self.runtime.block_on(self.files.wait(piece)).map_err(io::Error::other)?;
            if piece.len() as u64 != end - self.offset {
                return Err(io::Error::other("the object store gave another number of bytes"));
            }
            self.offset = end;
            self.ahead = piece;
        }
        let count = buffer.len().min(self.ahead.len());
        self.ahead.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Seek for Pieces {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => (self.offset - self.ahead.len() as u64).checked_add_signed(by),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the file");
        self.offset = at.ok_or_else(before)?;
        self.ahead = Bytes::new();
        Ok(self.offset)
    }
}
