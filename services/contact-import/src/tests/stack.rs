//! The service on a database of its own, with short ways to call it.

use std::{sync::Arc, time::Duration};

use onethread_core::{Clock, FixedClock, SeededEntropy, SystemClock};
use onethread_errors::Error;
use onethread_grpc::Peer;
use onethread_lifecycle::Lifecycle;
use onethread_proto::contactimport::{
    ApplyImportRequest, CancelImportRequest, GetImportRequest, Import, ImportState,
    ListImportsRequest, ListRejectedRowsRequest, RejectedRow, UploadHeader, UploadImportRequest,
    WatchImportRequest, import_service_client::ImportServiceClient, upload_import_request::Part,
};
use onethread_testing::ScratchDatabase;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::fake_contacts::FakeContacts;
use crate::{Deps, FileStorage, Service, build};

pub(super) const ORGANIZATION: &str = "00000000-0000-4000-8000-000000000001";
pub(super) const OTHER: &str = "00000000-0000-4000-8000-000000000002";

/// How long a test waits for an expected change.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Stack {
    pub(super) contacts: FakeContacts,
    pub(super) clock: Arc<FixedClock>,
    pub(super) scratch: ScratchDatabase,
    pub(super) uploads: TempDir,
    client: ImportServiceClient<Peer>,
    pub(super) life: Lifecycle,
}

impl Stack {
    /// A service without workers.
    pub(super) async fn idle(scratch: ScratchDatabase) -> Self {
        let uploads = tempfile::tempdir().unwrap();
        let (contacts, clock) = (FakeContacts::default(), FixedClock::new(SystemClock.now()));
        let (clock, life) = (Arc::new(clock), Lifecycle::new());
        let service = service(&scratch, &contacts, &clock, &uploads, 1).await;
        let client = ImportServiceClient::new(service.peer());
        Self { contacts, clock, scratch, uploads, client, life }
    }

    /// A service with workers.
    pub(super) async fn new(scratch: ScratchDatabase) -> Self {
        let stack = Self::idle(scratch).await;
        let service = stack.replica(2).await;
        service.start(TcpListener::bind("127.0.0.1:0").await.unwrap().into(), &stack.life);
        stack
    }

    /// Another service on the same database and files.
    pub(super) async fn replica(&self, seed: u64) -> Service {
        service(&self.scratch, &self.contacts, &self.clock, &self.uploads, seed).await
    }

    pub(super) async fn upload_as(
        &self,
        organization: &str,
        file: &[u8],
        apply: bool,
        request_id: &str,
    ) -> Result<Import, Error> {
        let header = UploadHeader {
            organization_id: organization.to_owned(),
            file_name: "people.csv".to_owned(),
            apply,
            request_id: request_id.to_owned(),
        };
        let chunks = file.chunks(7000).map(|bytes| Part::Chunk(bytes.to_vec()));
        let parts: Vec<_> = std::iter::once(Part::Header(header))
            .chain(chunks)
            .map(|part| UploadImportRequest { part: Some(part) })
            .collect();
        let answer = self.client.clone().upload_import(futures::stream::iter(parts)).await?;
        Ok(answer.into_inner().import.unwrap())
    }

    pub(super) async fn upload(&self, file: &str, apply: bool) -> Import {
        self.upload_as(ORGANIZATION, file.as_bytes(), apply, "").await.unwrap()
    }

    pub(super) async fn get(&self, organization: &str, id: &str) -> Result<Import, Error> {
        let request =
            GetImportRequest { organization_id: organization.to_owned(), import_id: id.to_owned() };
        Ok(self.client.clone().get_import(request).await?.into_inner().import.unwrap())
    }

    /// Watches an import until it is in one of these states.
    pub(super) async fn until(&self, id: &str, states: &[ImportState]) -> Import {
        let request = WatchImportRequest {
            organization_id: ORGANIZATION.to_owned(),
            import_id: id.to_owned(),
        };
        let follow = async {
            let mut updates = self.client.clone().watch_import(request).await.unwrap().into_inner();
            while let Some(update) = updates.message().await.unwrap() {
                let import = update.import.unwrap();
                if states.contains(&import.state()) {
                    return import;
                }
            }
            panic!("the import ended in another state");
        };
        tokio::time::timeout(WAIT_TIMEOUT, follow).await.expect("in time")
    }

    /// Watches an import until a condition holds.
    pub(super) async fn until_holds(&self, id: &str, holds: impl Fn(&Import) -> bool) -> Import {
        let request = WatchImportRequest {
            organization_id: ORGANIZATION.to_owned(),
            import_id: id.to_owned(),
        };
        let follow = async {
            let mut updates = self.client.clone().watch_import(request).await.unwrap().into_inner();
            let mut last = None;
            while let Some(update) = updates.message().await.unwrap() {
                let import = update.import.unwrap();
                if holds(&import) {
                    return import;
                }
                last = Some(import);
            }
            panic!("the condition never held: {last:?}");
        };
        tokio::time::timeout(WAIT_TIMEOUT, follow).await.expect("in time")
    }

    /// Watches an import until so many records have an outcome.
    pub(super) async fn processed(&self, id: &str, count: i64) {
        self.until_holds(id, |import| {
            import.state() == ImportState::Running && import.processed_count == count
        })
        .await;
    }

    /// Waits for the end of any organization's import.
    pub(super) async fn ended_of(&self, organization: &str, id: &str) -> Import {
        let ended = async {
            loop {
                let import = self.get(organization, id).await.unwrap();
                if import.finished_at.is_some() {
                    return import;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(WAIT_TIMEOUT, ended).await.expect("in time")
    }

    /// Watches an import until it doesn't change any more.
    pub(super) async fn settled(&self, id: &str) -> Import {
        let request = WatchImportRequest {
            organization_id: ORGANIZATION.to_owned(),
            import_id: id.to_owned(),
        };
        let follow = async {
            let updates = self.client.clone().watch_import(request).await.unwrap().into_inner();
            let all: Vec<_> = futures::TryStreamExt::try_collect(updates).await.unwrap();
            let last: Option<onethread_proto::contactimport::WatchImportResponse> =
                all.into_iter().last();
            last.unwrap().import.unwrap()
        };
        tokio::time::timeout(WAIT_TIMEOUT, follow).await.expect("in time")
    }

    /// Compares the import's counts with the stored contacts.
    pub(super) fn contacts_are_counted(&self, import: &Import) {
        let contacts = self.contacts.state.lock().unwrap().contacts.len();
        assert_eq!(usize::try_from(import.created_count).unwrap(), contacts, "{import:?}");
    }

    /// Starts another worker.
    pub(super) async fn work(&self, seed: u64) -> RunningWorker {
        let life = Lifecycle::new();
        let running = tokio::spawn(self.replica(seed).await.worker.run(life.clone()));
        RunningWorker { life, running }
    }

    pub(super) async fn ended(&self, id: &str) -> Import {
        self.until(id, &[ImportState::Done, ImportState::Failed, ImportState::Canceled]).await
    }

    pub(super) async fn apply(&self, id: &str, changes: &[(&str, &str)]) -> Result<Import, Error> {
        let request = ApplyImportRequest {
            organization_id: ORGANIZATION.to_owned(),
            import_id: id.to_owned(),
            mapping: changes.iter().map(|(c, t)| (c.to_string(), t.to_string())).collect(),
        };
        Ok(self.client.clone().apply_import(request).await?.into_inner().import.unwrap())
    }

    pub(super) async fn cancel(&self, id: &str) -> Result<Import, Error> {
        let request = CancelImportRequest {
            organization_id: ORGANIZATION.to_owned(),
            import_id: id.to_owned(),
        };
        Ok(self.client.clone().cancel_import(request).await?.into_inner().import.unwrap())
    }

    pub(super) async fn list(&self, size: i32) -> Vec<Vec<String>> {
        let (mut pages, mut token) = (Vec::new(), String::new());
        loop {
            let request = ListImportsRequest {
                organization_id: ORGANIZATION.to_owned(),
                page_size: size,
                page_token: token,
            };
            let page = self.client.clone().list_imports(request).await.unwrap().into_inner();
            pages.push(page.imports.into_iter().map(|import| import.id).collect());
            token = page.next_page_token;
            if token.is_empty() {
                return pages;
            }
        }
    }

    pub(super) async fn rejected(&self, id: &str) -> Vec<RejectedRow> {
        self.rejected_pages(id, 7).await.concat()
    }

    pub(super) async fn rejected_pages(&self, id: &str, size: i32) -> Vec<Vec<RejectedRow>> {
        let (mut pages, mut token) = (Vec::new(), String::new());
        loop {
            let request = ListRejectedRowsRequest {
                organization_id: ORGANIZATION.to_owned(),
                import_id: id.to_owned(),
                page_size: size,
                page_token: token,
            };
            let page = self.client.clone().list_rejected_rows(request).await.unwrap().into_inner();
            pages.push(page.rows);
            token = page.next_page_token;
            if token.is_empty() {
                return pages;
            }
        }
    }
}

/// A running worker.
pub(super) struct RunningWorker {
    life: Lifecycle,
    running: tokio::task::JoinHandle<()>,
}

impl RunningWorker {
    /// Stops it and waits for its end.
    pub(super) async fn stop(self) {
        self.life.stop();
        self.running.await.unwrap();
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.life.stop();
    }
}

async fn service(
    scratch: &ScratchDatabase,
    contacts: &FakeContacts,
    clock: &Arc<FixedClock>,
    uploads: &TempDir,
    seed: u64,
) -> Service {
    let deps = Deps {
        db: scratch.db.clone(),
        clock: Arc::<FixedClock>::clone(clock),
        entropy: Arc::new(SeededEntropy::new(seed)),
        identity: contacts.peer(),
        files: FileStorage::open(None, uploads.path().to_owned()).unwrap(),
    };
    build(deps).await.unwrap()
}

/// Created, updated, unchanged, rejected.
pub(super) fn counts(import: &Import) -> [i64; 4] {
    assert_eq!(
        import.created_count
            + import.updated_count
            + import.unchanged_count
            + import.rejected_count,
        import.processed_count
    );
    [import.created_count, import.updated_count, import.unchanged_count, import.rejected_count]
}
