//! Receiving a file: it is streamed to storage and hashed on the way, never in memory as a whole.

use std::time::Duration;

use futures::{Stream, StreamExt};
use onethread_core::{ImportId, OrganizationId};
use onethread_db::{Error as DbError, transaction};
use onethread_errors::{Error, Reason, Result};
use tokio::time::timeout;

use super::App;
use crate::{
    domain::{Import, MAX_SHOWN_BYTES, NewImport, truncate},
    storage::FileWriter,
    store::imports,
};

/// Largest file.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// Longest idempotency key.
const MAX_REQUEST_ID_BYTES: usize = 255;
/// Longest pause between two chunks.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

/// What a caller says about the file that follows.
#[derive(Debug, Clone)]
pub(crate) struct NewFile {
    pub(crate) organization: OrganizationId,
    pub(crate) name: String,
    /// Apply the proposed mapping right after the scan.
    pub(crate) apply: bool,
    /// Idempotency key; empty for none.
    pub(crate) request_id: String,
}

impl App {
    /// Receives a file and queues its scan. The file is stored durably when this returns.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, `TooLarge`, `IdempotencyKeyReused` for another file with a known key,
    /// `DeadlineExceeded` when the sender pauses too long, `Unavailable` during too many other
    /// uploads.
    pub(crate) async fn upload<C>(&self, file: NewFile, mut chunks: C) -> Result<Import>
    where
        C: Stream<Item = Result<Vec<u8>>> + Send + Unpin,
    {
        if file.request_id.len() > MAX_REQUEST_ID_BYTES || file.request_id.contains('\0') {
            return Err(Error::invalid("header.request_id", "is over 255 bytes or holds a NUL"));
        }
        let busy = |_| Error::new(Reason::Unavailable).retry_after(Duration::from_secs(1));
        let _permit = self.uploads.try_acquire().map_err(busy)?;

        let id = ImportId::generate(&*self.clock, &*self.entropy);
        let mut writer = self.files.create(file.organization, id);
        let timed_out = |_| Error::new(Reason::DeadlineExceeded);
        while let Some(chunk) = timeout(CHUNK_TIMEOUT, chunks.next()).await.map_err(timed_out)? {
            let chunk = chunk?;
            if writer.size() + chunk.len() as u64 > MAX_FILE_BYTES {
                let detail = "A file to import has 1 GiB at most.";
                let error = Error::new(Reason::TooLarge).with_detail(detail);
                return Err(error.with_metadata("limit", MAX_FILE_BYTES));
            }
            writer.write(&chunk).await?;
        }
        self.add(id, file, writer).await
    }

    /// Completes the file and adds its import.
    async fn add(&self, id: ImportId, file: NewFile, writer: FileWriter) -> Result<Import> {
        let file_hash = writer.finish().await?;
        let organization = file.organization;
        let name: String = file.name.chars().filter(|c| !c.is_control()).collect();
        let import = NewImport {
            id,
            file_name: truncate(&name, MAX_SHOWN_BYTES).to_owned(),
            file_hash,
            request_id: Some(file.request_id).filter(|key| !key.is_empty()),
            apply_after_scan: file.apply,
            traceparent: onethread_telemetry::current_traceparent(),
        };
        let added = self.insert(organization, &import).await;
        match &added {
            Ok(import) if import.id == id => self.work.notify(),
            Ok(_) => self.files.remove(organization, id).await?,
            Err(error) if error.reason == Reason::IdempotencyKeyReused => {
                self.files.remove(organization, id).await?;
            }
            // The import may have been committed, so the file stays. Without an import it is
            // deleted a day later.
            Err(_) => {}
        }
        added
    }

    /// Inserts an import, or returns the one that has its idempotency key and the same file.
    async fn insert(&self, organization: OrganizationId, import: &NewImport) -> Result<Import> {
        let now = self.clock.now();
        let missing = || DbError::Corrupt("an import that was just there");
        transaction!(self.db, "import.add", |tx| {
            let mut id = import.id;
            if !imports::insert(tx, organization, import, now).await? {
                let request_id = import.request_id.as_deref();
                let found = imports::by_request_id(tx, organization, request_id).await?;
                let (existing, file_hash) = found.ok_or_else(missing)?;
                if file_hash != import.file_hash {
                    return Err(Error::new(Reason::IdempotencyKeyReused));
                }
                id = existing;
            }
            Ok(imports::by_id(tx, organization, id).await?.ok_or_else(missing)?)
        })
    }
}
