//! Taking a file in: straight to where it lasts, hashed on the way, never in memory as a whole.

use std::time::Duration;

use futures::{Stream, StreamExt};
use onethread_core::{ImportId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::App;
use crate::{
    domain::{Import, SHOWN_BYTES, cut},
    files::Upload,
    store::{Added, NewImport},
};

/// Bytes of a file at most.
const FILE_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes of an idempotency key at most.
const REQUEST_ID_BYTES: usize = 255;
/// How long the sender may pause.
const PAUSE: Duration = Duration::from_secs(30);

/// What comes in.
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
    /// Takes a file in and queues its scan. The file is on disk when this returns.
    pub(crate) async fn upload<C>(&self, file: NewFile, mut chunks: C) -> Result<Import>
    where
        C: Stream<Item = Result<Vec<u8>>> + Send + Unpin,
    {
        if file.request_id.len() > REQUEST_ID_BYTES || file.request_id.contains('\0') {
            return Err(Error::invalid("/idempotencyKey", "is over 255 bytes or holds a NUL"));
        }
        let busy = |_| Error::new(Reason::Unavailable).retry_after(Duration::from_secs(1));
        let _place = self.uploads.try_acquire().map_err(busy)?;

        let id = ImportId::generate(&*self.clock, &*self.entropy);
        let mut upload = self.files.create(file.organization, id);
        let late = |_| Error::new(Reason::DeadlineExceeded);
        while let Some(chunk) = tokio::time::timeout(PAUSE, chunks.next()).await.map_err(late)? {
            let chunk = chunk?;
            if upload.size() + chunk.len() as u64 > FILE_BYTES {
                let detail = "A file to import has 1 GiB at most.";
                return Err(Error::new(Reason::TooLarge).because(detail));
            }
            upload.write(&chunk).await?;
        }
        // From here on it runs to its end even if the caller goes away: the row and the file come
        // together or not at all.
        let add = self.clone().add(id, file, upload, onethread_telemetry::text());
        tokio::spawn(add).await.map_err(Error::internal)?
    }

    async fn add(
        self,
        id: ImportId,
        file: NewFile,
        upload: Upload,
        traceparent: String,
    ) -> Result<Import> {
        let file_hash = upload.keep().await?;
        let shown: String = file.name.chars().filter(|c| !c.is_control()).collect();
        let import = NewImport {
            id,
            file_name: cut(&shown, SHOWN_BYTES).to_owned(),
            file_hash,
            request_id: Some(file.request_id).filter(|key| !key.is_empty()),
            apply_at_once: file.apply,
            traceparent,
        };
        // When this fails it is not known whether the row is there, so the file stays. Without a
        // row it is cleared away a day later.
        let added = self.store.add(file.organization, import, self.clock.now()).await?;
        if let Added::New(import) = added {
            self.wake.wake();
            return Ok(import);
        }
        self.files.remove(file.organization, id).await?;
        match added {
            Added::New(import) | Added::Same(import) => Ok(import),
            Added::KeyReused => Err(Error::new(Reason::IdempotencyKeyReused)),
        }
    }
}
