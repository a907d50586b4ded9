//! Sessions whose hints are lost or late.

use std::time::Duration;

use futures::{StreamExt, stream, stream::BoxStream};
use onethread_core::{ConversationId, OrganizationId};
use onethread_errors::Result;
use onethread_events::Bus;
use onethread_testing::ScratchDatabase;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Command, EndReason, Event, EventKind, Hint, Live, OpenCommand, Session};
use crate::{
    app::tests::{TestApp, contact, message, uuid},
    domain::{HintKind, MessageKind, Side},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_check_of_the_database_finds_what_hints_missed,
    readers_that_fell_behind_continue,
    a_late_hint_is_delivered_once,
    a_subscription_too_many_ends_and_no_other,
}

const EVENT_TIMEOUT: Duration = Duration::from_secs(10);

/// A conversation and its live readers. The use cases have another bus, so that the readers get
/// hints from [`Stage::publish`] only.
struct Stage {
    app: TestApp,
    live: Live,
    organization: OrganizationId,
    conversation: ConversationId,
    _database: ScratchDatabase,
}

async fn stage(database: ScratchDatabase, check_interval: Duration) -> Stage {
    Stage {
        app: TestApp::new(database.db.clone()),
        live: Live::new(Bus::in_process(), CancellationToken::new(), check_interval),
        organization: OrganizationId(uuid()),
        conversation: ConversationId(uuid()),
        _database: database,
    }
}

impl Stage {
    /// Stores a message without a hint.
    async fn write(&self) {
        let author = contact(self.conversation);
        let new = message(self.conversation, author, MessageKind::Text, "hello");
        self.app.send(self.organization, new).await.unwrap();
    }

    fn publish(&self, kind: HintKind) {
        self.live.publish(Hint::new(self.organization, self.conversation, kind));
    }

    /// Opens subscriptions, 1 to the conversation and 2 to all, and waits until they are open.
    async fn session(&self) -> BoxStream<'static, Result<Event>> {
        let open = |subscription, conversation| {
            Ok(Command::Open(OpenCommand {
                subscription,
                organization: self.organization,
                conversation,
                side: Side::Agent,
                after: None,
            }))
        };
        let commands = stream::iter([open(1, Some(self.conversation)), open(2, None)]).boxed();
        let session = Session::new(self.app.app.db.clone(), &self.live, commands);
        let mut events = session.events().boxed();
        for _ in 0..2 {
            assert!(matches!(next(&mut events).await.kind, EventKind::Opened));
        }
        events
    }
}

async fn next(events: &mut BoxStream<'static, Result<Event>>) -> Event {
    timeout(EVENT_TIMEOUT, events.next()).await.unwrap().unwrap().unwrap()
}

async fn a_check_of_the_database_finds_what_hints_missed(scratch: ScratchDatabase) {
    let stage = stage(scratch, Duration::from_millis(20)).await;
    stage.write().await;
    let mut events = stage.session().await;
    stage.write().await;
    let marked = stage.app.mark_read(stage.organization, stage.conversation, Side::Agent, 2).await;
    assert_eq!(marked, Some((2, true)));
    // The reader of one conversation and the reader of all.
    let (mut messages, mut marks) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    while marks.iter().chain(&messages).any(Vec::is_empty) {
        let Event { subscription, kind, .. } = next(&mut events).await;
        let reader = usize::from(subscription == 2);
        match kind {
            EventKind::Message(message, _) => messages[reader].push(message.seq),
            EventKind::ReadMarkMoved { side: Side::Agent, seq, .. } => marks[reader].push(seq),
            EventKind::Conversation(now) => assert_eq!(now.conversation.last_seq, 2),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((messages, marks), ([vec![2], vec![2]], [vec![2], vec![2]]));
}

async fn readers_that_fell_behind_continue(scratch: ScratchDatabase) {
    // The only check is the one that follows from falling behind.
    let stage = stage(scratch, Duration::from_secs(3600)).await;
    stage.write().await;
    let mut events = stage.session().await;
    stage.write().await;
    for _ in 0..10_000 {
        stage.publish(HintKind::ReadMarkMoved { side: Side::Contact, seq: 0 });
    }
    let mut seen = [Vec::new(), Vec::new()];
    while seen.iter().any(Vec::is_empty) {
        match next(&mut events).await {
            Event { subscription, kind: EventKind::Message(one, _), .. } => {
                seen[usize::from(subscription == 2)].push(one.seq);
            }
            Event { subscription: 2, kind: EventKind::Conversation(_), .. } => {}
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
        stage.publish(HintKind::MessageStored { seq });
    }
    stage.publish(HintKind::ReadMarkMoved { side: Side::Agent, seq: 2 });
    let mut seen = Vec::new();
    let mut marks = 0;
    // Both the messages and the mark, in any order.
    while seen.len() < 2 || marks == 0 {
        match next(&mut events).await {
            Event { subscription: 1, kind: EventKind::Message(message, _), .. } => {
                seen.push(message.seq)
            }
            Event { subscription: 1, kind: EventKind::ReadMarkMoved { .. }, .. } => marks += 1,
            Event { subscription: 2, .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((seen, marks), (vec![1, 2], 1));
}

async fn a_subscription_too_many_ends_and_no_other(scratch: ScratchDatabase) {
    const MAX: u64 = 65_536;
    let stage = stage(scratch, Duration::from_secs(3600)).await;
    let open = |subscription| {
        Ok(Command::Open(OpenCommand {
            subscription,
            organization: stage.organization,
            conversation: None,
            side: Side::Agent,
            after: None,
        }))
    };
    let commands = (1..=MAX + 1).map(open).chain([Ok(Command::Close(1)), open(MAX + 2)]);
    let commands = stream::iter(commands.collect::<Vec<_>>()).boxed();
    let session = Session::new(stage.app.app.db.clone(), &stage.live, commands);
    let mut events = session.events().boxed();
    for _ in 0..MAX {
        assert!(matches!(next(&mut events).await.kind, EventKind::Opened));
    }
    let Event { subscription, kind, .. } = next(&mut events).await;
    assert_eq!(subscription, MAX + 1);
    assert!(matches!(kind, EventKind::Ended(EndReason::TooMany)));
    // Another one makes room.
    assert!(matches!(next(&mut events).await.kind, EventKind::Ended(EndReason::Closed)));
    assert!(matches!(next(&mut events).await.kind, EventKind::Opened));
}
