//! A fake of identity's contacts: a row with a known key changes its contact, and a repeated batch
//! gets its first answer again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream::BoxStream};
use onethread_errors::{Error, Reason};
use onethread_grpc::{Peer, Server};
use onethread_proto::identity::{
    ImportContactsRequest, ImportContactsResponse, ImportOutcome, ImportRow, ImportRowResult,
    contact_import_service_server::{ContactImportService, ContactImportServiceServer},
};
use tokio::sync::Notify;
use tonic::{Request, Response, Status, Streaming, service::Routes};

#[derive(Debug, Default)]
pub(super) struct State {
    /// Contacts by organization and key.
    pub(super) contacts: BTreeMap<(String, String), ImportRow>,
    answered: HashMap<(String, i64), ImportContactsResponse>,
    /// Delays this batch until `resume` is notified.
    pub(super) delay_at: Option<i64>,
    /// Received batches, with repeated ones.
    pub(super) batches: usize,
    /// Bytes of the largest batch.
    pub(super) largest: usize,
    /// How many of the next batches fail as unavailable, with nothing stored.
    pub(super) unavailable: usize,
    /// Stores this batch and never answers it.
    pub(super) hang_at: Option<i64>,
    /// Rejects all batches permanently.
    pub(super) rejects: bool,
}

#[derive(Debug, Clone, Default)]
pub(super) struct FakeContacts {
    pub(super) state: Arc<Mutex<State>>,
    /// Notified when a batch hangs or is delayed.
    pub(super) blocked: Arc<Notify>,
    /// Resumes the delayed batch.
    pub(super) resume: Arc<Notify>,
}

impl FakeContacts {
    pub(super) fn peer(&self) -> Peer {
        Server::new(Routes::new(ContactImportServiceServer::new(self.clone())), &[]).peer()
    }

    async fn delay(&self, number: i64) {
        let is_delayed = {
            let mut state = self.state.lock().unwrap();
            state.delay_at.take_if(|at| *at == number).is_some()
        };
        if is_delayed {
            self.blocked.notify_one();
            self.resume.notified().await;
        }
    }

    fn answer(
        &self,
        batch: ImportContactsRequest,
    ) -> Result<Option<ImportContactsResponse>, Status> {
        let mut state = self.state.lock().unwrap();
        state.batches += 1;
        state.largest = state.largest.max(prost::Message::encoded_len(&batch));
        if state.unavailable > 0 {
            state.unavailable -= 1;
            return Err(Error::new(Reason::Unavailable).into());
        }
        if state.rejects {
            return Err(Error::not_found().into());
        }
        let number = batch.batch_number;
        let id = (batch.import_id, number);
        if !state.answered.contains_key(&id) {
            let results = batch.rows.into_iter();
            let results = results.map(|row| store(&mut state, &batch.organization_id, row));
            let results = results.collect();
            let answer =
                ImportContactsResponse { batch_number: number, results, closed: batch.close };
            state.answered.insert(id.clone(), answer);
        }
        if state.hang_at == Some(number) {
            state.hang_at = None;
            self.blocked.notify_one();
            return Ok(None);
        }
        Ok(Some(state.answered[&id].clone()))
    }
}

fn store(state: &mut State, organization: &str, row: ImportRow) -> ImportRowResult {
    let line = row.line;
    let result = |outcome: ImportOutcome, field: &str, reason: &str| ImportRowResult {
        line,
        outcome: outcome.into(),
        field: field.to_owned(),
        reason: reason.to_owned(),
    };
    if !row.email.is_empty() && !row.email.contains('@') {
        return result(ImportOutcome::Rejected, "email", "is not an email address");
    }
    let key =
        if row.user_id.is_empty() { row.email.to_ascii_lowercase() } else { row.user_id.clone() };
    let key = (organization.to_owned(), key);
    let row = ImportRow { line: 0, ..row };
    let outcome = match state.contacts.get(&key) {
        None => ImportOutcome::Created,
        Some(known) if *known == row => ImportOutcome::Unchanged,
        Some(_) => ImportOutcome::Updated,
    };
    state.contacts.insert(key, row);
    result(outcome, "", "")
}

#[tonic::async_trait]
impl ContactImportService for FakeContacts {
    type ImportContactsStream = BoxStream<'static, Result<ImportContactsResponse, Status>>;

    async fn import_contacts(
        &self,
        request: Request<Streaming<ImportContactsRequest>>,
    ) -> Result<Response<Self::ImportContactsStream>, Status> {
        let (contacts, mut batches) = (self.clone(), request.into_inner());
        let answers = async_stream::try_stream! {
            while let Some(batch) = batches.message().await? {
                contacts.delay(batch.batch_number).await;
                let close = batch.close;
                let answer = match contacts.answer(batch)? {
                    Some(answer) => answer,
                    None => std::future::pending().await,
                };
                let ends = answer.closed && !close;
                yield answer;
                if ends {
                    break;
                }
            }
        };
        Ok(Response::new(answers.boxed()))
    }
}
