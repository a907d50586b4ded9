//! What the use cases promise, on SQLite and on PostgreSQL.

mod batch_model;
mod batches;
mod history;
mod interests;
mod lists;
pub(crate) mod locks;
mod merges;
mod sends;
mod updates;

use std::sync::Arc;

use futures::{FutureExt, future::join_all};
use onethread_core::{
    AgentId, ConversationId, FixedClock, MessageId, OrganizationId, PageSize, SystemEntropy,
    Timestamp, new_uuid,
};
use onethread_db::Database;
use onethread_errors::{Reason, Result};
use onethread_events::{Bus, BusEvent};
use onethread_testing::ScratchDatabase;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{App, History, UpdateInput, send_batch::BatchStore};
use crate::{
    domain::{
        Author, AuthorKind, ConversationUpdate, HintKind, Merge, MergeOutcome, Message,
        MessageKind, NewMessage, SendOutcome, Side, Status, Summary, Text, WebhookEvent,
    },
    live::{Hint, Live},
    store::{
        AssigneeFilter, Head, ListQuery, PagePosition, heads,
        list::{self, ListPage},
        messages,
    },
};

pub(crate) const NOW: Timestamp = Timestamp::from_micros(1_750_000_000_000_000);

const ALL: ListQuery = ListQuery {
    status: None,
    assignee: AssigneeFilter::Any,
    after: None,
    since: None,
    size: PageSize::DEFAULT,
};

/// The use cases on a database, with sends that bypass the queue.
#[derive(Clone)]
pub(crate) struct TestApp {
    pub(crate) app: App,
    batches: BatchStore,
}

/// `None` for an error that nothing was found.
fn found<T>(result: Result<T>) -> Option<T> {
    match result {
        Err(error) if error.reason == Reason::NotFound => None,
        other => Some(other.unwrap()),
    }
}

impl TestApp {
    pub(crate) fn new(db: Database) -> Self {
        let check_interval = std::time::Duration::from_secs(3600);
        let live = Live::new(Bus::in_process(), CancellationToken::new(), check_interval);
        Self::with_live(db, live)
    }

    pub(crate) fn with_live(db: Database, live: Live) -> Self {
        let batches = BatchStore::new(&db);
        let clock = Arc::new(FixedClock::new(NOW));
        Self { app: App::new(db, clock, Arc::new(SystemEntropy), live), batches }
    }

    /// Sends a message alone, until it is settled, however slow the machine is.
    pub(crate) async fn send(
        &self,
        organization: OrganizationId,
        new: NewMessage,
    ) -> Result<SendOutcome> {
        let sends = [NewMessage { organization, ..new }];
        loop {
            match self.batches.send(&sends).await.swap_remove(0) {
                Ok(SendOutcome::Locked) => {}
                settled => return settled,
            }
        }
    }

    async fn send_batch(&self, sends: Vec<NewMessage>) -> Vec<Result<SendOutcome>> {
        self.batches.send(&sends).await
    }

    /// Sends a batch, until each send is settled.
    async fn send_batch_until_settled(&self, sends: Vec<NewMessage>) -> Vec<Result<SendOutcome>> {
        let mut answers = self.batches.send(&sends).await;
        for (new, answer) in sends.iter().zip(&mut answers) {
            if matches!(answer, Ok(SendOutcome::Locked)) {
                *answer = self.send(new.organization, new.clone()).await;
            }
        }
        answers
    }

    async fn history(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        position: PagePosition,
        size: PageSize,
    ) -> Option<History> {
        found(self.app.list_messages(organization, id, side, position, size).await)
    }

    async fn messages_after(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        seq: i64,
        size: PageSize,
    ) -> (Vec<Message>, bool) {
        let mut conn = self.app.db.reader("test.messages").await.unwrap();
        let (side, position) = (Side::Agent, PagePosition::After(seq));
        let page = messages::page(&mut conn, organization, id, side, position, size).await.unwrap();
        (page.messages, page.has_more)
    }

    async fn summary(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
    ) -> Option<Summary> {
        found(self.app.get_conversation(organization, id, side).await)
    }

    async fn heads(&self, organization: OrganizationId, ids: &[ConversationId]) -> Vec<Head> {
        let mut conn = self.app.db.reader("test.heads").await.unwrap();
        heads::by_ids(&mut conn, organization, ids).await.unwrap()
    }

    async fn list(&self, organization: OrganizationId, query: ListQuery) -> ListPage {
        let mut conn = self.app.db.reader("test.list").await.unwrap();
        list::page(&mut conn, organization, query).await.unwrap()
    }

    /// Returns the read mark, and whether readers got a hint that it moved.
    pub(crate) async fn mark_read(
        &self,
        organization: OrganizationId,
        id: ConversationId,
        side: Side,
        seq: i64,
    ) -> Option<(i64, bool)> {
        let mut hints = self.app.live.listen();
        let seq = found(self.app.mark_read(organization, id, side, seq).await)?;
        let moved = HintKind::ReadMarkMoved { side, seq };
        let hint = hints.next().now_or_never();
        let has_moved = matches!(hint, Some(BusEvent::Hint(Hint { kind, .. })) if kind == moved);
        Some((seq, has_moved))
    }

    /// Updates a conversation, and returns the numbers of the events that readers got hints of.
    async fn update(
        &self,
        organization: OrganizationId,
        conversation: ConversationId,
        update: ConversationUpdate,
    ) -> Option<Vec<i64>> {
        let mut hints = self.app.live.listen();
        let input = UpdateInput { conversation, update, actor: Uuid::from_u128(7) };
        found(self.app.update_conversation(organization, input).await)?;
        let mut seqs = Vec::new();
        while let Some(heard) = hints.next().now_or_never() {
            match heard {
                BusEvent::Hint(Hint { kind: HintKind::MessageStored { seq }, .. }) => {
                    seqs.push(seq)
                }
                other => panic!("{other:?}"),
            }
        }
        Some(seqs)
    }

    async fn merge(&self, organization: OrganizationId, merge: Merge) -> MergeOutcome {
        self.app.merge(organization, merge).await.unwrap()
    }

    async fn erase(&self, organization: OrganizationId, id: ConversationId) -> bool {
        self.app.erase_conversation(organization, id).await.unwrap()
    }

    async fn set_interest(
        &self,
        organization: OrganizationId,
        events: &[WebhookEvent],
        version: i64,
    ) {
        self.app.set_interest(organization, events, version).await.unwrap();
    }
}

pub(crate) fn uuid() -> Uuid {
    new_uuid(NOW, &SystemEntropy)
}

/// An organization and a contact's conversation in it.
fn new_key() -> (OrganizationId, ConversationId) {
    (OrganizationId(uuid()), ConversationId(uuid()))
}

pub(crate) fn contact(conversation: ConversationId) -> Author {
    Author { kind: AuthorKind::Contact, id: conversation.0 }
}

fn agent() -> Author {
    Author { kind: AuthorKind::Agent, id: Uuid::from_u128(7) }
}

pub(crate) fn message(
    conversation: ConversationId,
    author: Author,
    kind: MessageKind,
    text: &str,
) -> NewMessage {
    NewMessage {
        id: MessageId(uuid()),
        organization: OrganizationId(Uuid::nil()),
        conversation,
        author,
        client_message_id: uuid(),
        kind,
        text: Text::new(text.to_owned()).unwrap(),
        now: NOW,
        delivery_id: uuid(),
        reopened_event_id: MessageId(uuid()),
        may_begin: false,
        trace: "".into(),
    }
}

fn stored(outcome: SendOutcome) -> Message {
    match outcome {
        SendOutcome::Stored { message, .. } => message,
        other => panic!("not stored: {other:?}"),
    }
}

fn size(rows: i32) -> PageSize {
    PageSize::new(rows).unwrap()
}

async fn write(
    app: &TestApp,
    key: (OrganizationId, ConversationId),
    author: Author,
    kind: MessageKind,
) -> Message {
    stored(app.send(key.0, message(key.1, author, kind, "hello")).await.unwrap())
}

async fn seqs(
    app: &TestApp,
    key: (OrganizationId, ConversationId),
    side: Side,
    position: PagePosition,
    rows: i32,
) -> Vec<i64> {
    let history = app.history(key.0, key.1, side, position, size(rows)).await.unwrap();
    history.messages.iter().map(|message| message.seq).collect()
}

async fn deliveries(db: &Database, organization: OrganizationId) -> i64 {
    let mut conn = db.reader("test.outbox").await.unwrap();
    let count = conn.query("SELECT count(*) FROM outbox WHERE organization_id = $1");
    count.bind(organization.0).scalar().await.unwrap()
}

fn assign(assignee: Option<AgentId>) -> ConversationUpdate {
    ConversationUpdate { assignee: Some(assignee), ..ConversationUpdate::default() }
}

fn set_status(status: Status) -> ConversationUpdate {
    ConversationUpdate { status: Some(status), ..ConversationUpdate::default() }
}
