//! Sessions whose hints get lost.

use std::time::Duration;

use futures::{StreamExt, stream, stream::BoxStream};
use onethread_core::{
    ConversationId, MessageId, OrganizationId, SystemEntropy, Timestamp, new_uuid,
};
use onethread_errors::Result;
use onethread_events::Bus;
use onethread_testing::ScratchDatabase;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Change, Command, Event, Hint, Live, Open, Session, What};
use crate::{
    domain::{Author, AuthorKind, Kind, Side, Text},
    store::{NewMessage, Store},
};

const NOW: Timestamp = Timestamp::from_micros(1_750_000_000_000_000);
onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_look_at_the_database_heals_what_hints_did_not_tell,
    readers_that_fell_behind_read_on,
    a_late_hint_is_delivered_once,
}

const SOON: Duration = Duration::from_secs(10);

struct Stage {
    store: Store,
    live: Live,
    organization: OrganizationId,
    conversation: ConversationId,
    _database: ScratchDatabase,
}

async fn stage(database: ScratchDatabase, check_every: Duration) -> Stage {
    let uuid = || new_uuid(NOW, &SystemEntropy);
    Stage {
        store: Store::new(database.db.clone()),
        live: Live::new(Bus::in_process(), CancellationToken::new(), check_every),
        organization: OrganizationId(uuid()),
        conversation: ConversationId(uuid()),
        _database: database,
    }
}

impl Stage {
    /// Stores a message and tells nobody.
    async fn write(&self) {
        let new = NewMessage {
            id: MessageId(new_uuid(NOW, &SystemEntropy)),
            organization: self.organization,
            conversation: self.conversation,
            author: Author { kind: AuthorKind::Contact, id: self.conversation.0 },
            client_message_id: new_uuid(NOW, &SystemEntropy),
            kind: Kind::Text,
            text: Text::new("hello".to_owned()).unwrap(),
            now: NOW,
            delivery: new_uuid(NOW, &SystemEntropy),
            reopening: MessageId(new_uuid(NOW, &SystemEntropy)),
            begins: false,
            trace: "".into(),
        };
        self.store.send(self.organization, new).await.unwrap();
    }

    fn tell(&self, change: Change) {
        self.live.tell(Hint::new(self.organization, self.conversation, change));
    }

    /// Opens subscriptions, 1 to the conversation and 2 to all, and waits until they stand.
    async fn session(&self) -> BoxStream<'static, Result<Event>> {
        let open = |subscription, conversation| {
            Ok(Command::Open(Open {
                subscription,
                organization: self.organization,
                conversation,
                side: Side::Agent,
                after: None,
            }))
        };
        let commands = stream::iter([open(1, Some(self.conversation)), open(2, None)]).boxed();
        let mut events = Session::new(self.store.clone(), &self.live, commands).events().boxed();
        for _ in 0..2 {
            assert!(matches!(next(&mut events).await.what, What::Opened));
        }
        events
    }
}

async fn next(events: &mut BoxStream<'static, Result<Event>>) -> Event {
    timeout(SOON, events.next()).await.unwrap().unwrap().unwrap()
}

async fn a_look_at_the_database_heals_what_hints_did_not_tell(scratch: ScratchDatabase) {
    let stage = stage(scratch, Duration::from_millis(20)).await;
    stage.write().await;
    let mut events = stage.session().await;
    stage.write().await;
    let marked =
        stage.store.mark_read(stage.organization, stage.conversation, Side::Agent, 2).await;
    assert!(marked.unwrap().unwrap().moved);
    // The reader of one conversation and the reader of all.
    let (mut messages, mut marks) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    while marks.iter().chain(&messages).any(Vec::is_empty) {
        let Event { subscription, what } = next(&mut events).await;
        let reader = usize::from(subscription == 2);
        match what {
            What::Message(message, _) => messages[reader].push(message.seq),
            What::Read { side: Side::Agent, seq, .. } => marks[reader].push(seq),
            What::Conversation(now) => assert_eq!(now.conversation.last_seq, 2),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((messages, marks), ([vec![2], vec![2]], [vec![2], vec![2]]));
}

async fn readers_that_fell_behind_read_on(scratch: ScratchDatabase) {
    // No look but the one that falling behind brings.
    let stage = stage(scratch, Duration::from_secs(3600)).await;
    stage.write().await;
    let mut events = stage.session().await;
    stage.write().await;
    for _ in 0..10_000 {
        stage.tell(Change::Read { side: Side::Contact, seq: 0 });
    }
    let mut seen = [Vec::new(), Vec::new()];
    while seen.iter().any(Vec::is_empty) {
        match next(&mut events).await {
            Event { subscription, what: What::Message(one, _) } => {
                seen[usize::from(subscription == 2)].push(one.seq);
            }
            Event { subscription: 2, what: What::Conversation(_) } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [[2], [2]]);
}

async fn a_late_hint_is_delivered_once(scratch: ScratchDatabase) {
    let stage = stage(scratch, Duration::from_secs(3600)).await;
    let mut events = stage.session().await;
    stage.write().await;
    stage.write().await;
    for seq in [1, 2, 2, 1] {
        stage.tell(Change::Stored { seq });
    }
    stage.tell(Change::Read { side: Side::Agent, seq: 2 });
    let mut seen = Vec::new();
    let mut marks = 0;
    // Both the messages and the mark, in whatever order: the session serves them by turns.
    while seen.len() < 2 || marks == 0 {
        match next(&mut events).await {
            Event { subscription: 1, what: What::Message(message, _) } => seen.push(message.seq),
            Event { subscription: 1, what: What::Read { .. } } => marks += 1,
            Event { subscription: 2, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((seen, marks), (vec![1, 2], 1));
}
