//! What is kept about imports, in words of the use cases. The organization comes first everywhere;
//! the exceptions are the work queue, where a [`Lease`] names it, and the clearing of old files.

mod rows;
mod sql;
mod sql_store;

use std::future::Future;

use onethread_core::{ImportId, OrganizationId, Timestamp};
use onethread_db::Result;

use crate::domain::{Advance, Import, ImportState, Job, Lease, Mapping, RejectedRow, Scanned};

pub(crate) use sql_store::SqlStore;

/// A file that is on disk and becomes an import.
#[derive(Debug, Clone)]
pub(crate) struct NewImport {
    pub(crate) id: ImportId,
    pub(crate) file_name: String,
    /// SHA-256 of the file.
    pub(crate) file_hash: Vec<u8>,
    /// Idempotency key.
    pub(crate) request_id: Option<String>,
    /// Apply the proposed mapping right after the scan.
    pub(crate) apply_at_once: bool,
    pub(crate) traceparent: String,
}

/// What came of adding one.
#[derive(Debug)]
pub(crate) enum Added {
    /// It was added.
    New(Import),
    /// The same file came before under this idempotency key, as this import.
    Same(Import),
    /// Another file came before under this idempotency key.
    KeyReused,
}

/// A page of rejected rows.
#[derive(Debug)]
pub(crate) struct RejectedPage {
    pub(crate) rows: Vec<RejectedRow>,
    /// True when there are others behind them.
    pub(crate) more: bool,
}

/// The imports.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    /// Adds an import whose file is on disk; its scan is due at once.
    fn add(
        &self,
        organization: OrganizationId,
        import: NewImport,
        now: Timestamp,
    ) -> impl Future<Output = Result<Added>> + Send;

    /// One import.
    fn get(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> impl Future<Output = Result<Option<Import>>> + Send;

    /// A number that is another one after each change of the import.
    fn revision(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> impl Future<Output = Result<Option<i64>>> + Send;

    /// Imports older than `before`, newest first, at most `limit`.
    fn list(
        &self,
        organization: OrganizationId,
        before: Option<ImportId>,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Import>>> + Send;

    /// Rejected rows behind the record `after`, at most `limit`, and no more once they take
    /// `bytes` together.
    fn rejected(
        &self,
        organization: OrganizationId,
        id: ImportId,
        after: u64,
        limit: usize,
        bytes: usize,
    ) -> impl Future<Output = Result<RejectedPage>> + Send;

    /// Starts an import that is ready. False when it isn't.
    fn start(
        &self,
        organization: OrganizationId,
        id: ImportId,
        mapping: Mapping,
        traceparent: String,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Stops an import that stands at `from`. False when it stands elsewhere by now.
    fn cancel(
        &self,
        organization: OrganizationId,
        id: ImportId,
        from: ImportState,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Takes up the import that has waited longest, of whatever organization, until `until`.
    fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<Job>>> + Send;

    /// Ends every lease there is, for a process that starts as the only one on its database: who
    /// held them is dead.
    fn free_all(&self, now: Timestamp) -> impl Future<Output = Result<()>> + Send;

    /// Prolongs a lease. False when it is lost or there is nothing left to do.
    fn keep(&self, lease: Lease, until: Timestamp) -> impl Future<Output = Result<bool>> + Send;

    /// Gives an import back to the queue, due at `due`.
    fn give_back(
        &self,
        lease: Lease,
        due: Timestamp,
        attempts: i64,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Keeps what the scan found. False when the lease is lost or the import was stopped.
    fn scanned(
        &self,
        lease: Lease,
        scanned: Scanned,
        mapping: Mapping,
        next: ImportState,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Ends an import that can't go on. Does nothing when the lease is lost or it was stopped.
    fn fail(
        &self,
        lease: Lease,
        reason: String,
        now: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Keeps what a batch brought, all of it or nothing, and answers where the import stands then.
    /// `None` when the lease is lost. A batch that was under way when the import was stopped
    /// counts: its contacts are there.
    fn advance(
        &self,
        lease: Lease,
        advance: Advance,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<ImportState>>> + Send;

    /// Some of the imports, of whatever organization, that ended before `before` and have their
    /// file still.
    fn outdated(
        &self,
        before: Timestamp,
    ) -> impl Future<Output = Result<Vec<(OrganizationId, ImportId)>>> + Send;

    /// Notes that the file is gone.
    fn file_gone(
        &self,
        organization: OrganizationId,
        id: ImportId,
    ) -> impl Future<Output = Result<()>> + Send;
}
