//! Reading a file: from a folder, or from a bucket in ranges, so that no connection is open while a
//! range is processed.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

use bytes::{Buf, Bytes};
use object_store::{GetResultPayload, ObjectStoreExt, path::Path as Name};
use tokio::runtime::Handle;

use super::FileStorage;

/// Bytes read from a bucket at a time.
const RANGE_BYTES: u64 = 1024 * 1024;

/// An open file. Reading blocks.
#[derive(Debug)]
pub(crate) enum FileReader {
    /// In a folder.
    Disk(File),
    /// In a bucket.
    Bucket(BucketReader),
}

impl FileReader {
    /// Opens an existing file, on a thread of the runtime.
    pub(super) fn open(files: FileStorage, name: Name) -> io::Result<Self> {
        let runtime = Handle::try_current().map_err(io::Error::other)?;
        if files.folder.is_some() {
            let found = runtime.block_on(files.call(files.store.get(&name)));
            if let GetResultPayload::File(file, _) = found.map_err(io::Error::other)?.payload {
                return Ok(Self::Disk(file));
            }
        }
        let found = runtime.block_on(files.call(files.store.head(&name)));
        let size = found.map_err(io::Error::other)?.size;
        Ok(Self::Bucket(BucketReader {
            files,
            name,
            runtime,
            size,
            offset: 0,
            buffered: Bytes::new(),
        }))
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read(buffer),
            Self::Bucket(reader) => reader.read(buffer),
        }
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Disk(file) => file.seek(to),
            Self::Bucket(reader) => reader.seek(to),
        }
    }
}

/// A file in a bucket.
#[derive(Debug)]
pub(crate) struct BucketReader {
    files: FileStorage,
    name: Name,
    runtime: Handle,
    size: u64,
    /// End of `buffered` in the file.
    offset: u64,
    /// Bytes read and not yet returned.
    buffered: Bytes,
}

impl Read for BucketReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffered.is_empty() {
            let end = self.size.min(self.offset + RANGE_BYTES);
            if end <= self.offset {
                return Ok(0);
            }
            let range = self.files.store.get_range(&self.name, self.offset..end);
            let bytes = self.runtime.block_on(self.files.call(range)).map_err(io::Error::other)?;
            if bytes.len() as u64 != end - self.offset {
                return Err(io::Error::other("the object store returned another number of bytes"));
            }
            self.offset = end;
            self.buffered = bytes;
        }
        let count = buffer.len().min(self.buffered.len());
        self.buffered.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

impl Seek for BucketReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => {
                (self.offset - self.buffered.len() as u64).checked_add_signed(by)
            }
        };
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "a position before the file");
        self.offset = position.ok_or_else(invalid)?;
        self.buffered = Bytes::new();
        Ok(self.offset)
    }
}
