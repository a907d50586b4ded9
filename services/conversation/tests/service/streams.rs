//! Live streams.

use std::sync::Arc;

use futures::StreamExt;
use onethread_proto::conversation::{
    AuthorKind, CloseSubscription, DeleteConversationRequest, OpenSubscription, Side,
    SubscribeRequest, SubscriptionEndReason, subscribe_request::Action, subscribe_response::Event,
};
use onethread_testing::ScratchDatabase;
use tokio::time::timeout;

use crate::harness::*;

onethread_testing::on_each_database! {
    onethread_conversation::MIGRATIONS:
    a_reader_gets_what_it_missed_and_then_new_messages,
    a_reader_may_subscribe_before_the_first_message,
    a_contact_gets_no_notes_and_both_sides_get_read_marks,
    agents_get_only_the_conversations_of_their_organization,
    concurrent_sends_reach_every_reader_in_order_each_once,
    an_invalid_request_ends_its_subscription_and_no_other,
    the_end_of_a_conversation_ends_its_subscriptions,
    a_silent_stream_has_heartbeats,
    a_stream_ends_with_the_process,
}

async fn a_reader_gets_what_it_missed_and_then_new_messages(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    for n in 0..450 {
        stage.write(AuthorKind::Contact, &n.to_string()).await;
    }
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, Some(3))).await;
    for seq in 4..=450 {
        assert_eq!(stream.message().await, (1, seq, seq - 1));
    }
    stage.write(AuthorKind::Agent, "live").await;
    assert_eq!(stream.message().await, (1, 451, 450));
    // From now on: only new messages.
    stream.opened(2, stage.open(Side::Contact, None)).await;
    stage.write(AuthorKind::Agent, "live").await;
    let mut both = [stream.message().await, stream.message().await];
    both.sort_unstable();
    assert_eq!(both, [(1, 452, 451), (2, 452, 451)]);
    // A closed subscription gets nothing.
    stream.command(1, Action::Close(CloseSubscription {})).await;
    assert_eq!(stream.ended().await, (1, SubscriptionEndReason::Closed, String::new()));
    stream.opened(3, stage.open(Side::Contact, None)).await;
    stage.write(AuthorKind::Agent, "live").await;
    let mut both = [stream.message().await, stream.message().await];
    both.sort_unstable();
    assert_eq!(both, [(2, 453, 452), (3, 453, 452)]);
}

async fn a_reader_may_subscribe_before_the_first_message(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, None)).await;
    stage.write(AuthorKind::Contact, "first").await;
    assert_eq!(stream.message().await, (1, 1, 0));
    // A number that doesn't exist can't be continued from.
    stream.command(2, stage.open(Side::Contact, Some(9))).await;
    assert_eq!(stream.ended().await, (2, SubscriptionEndReason::UnknownPosition, String::new()));
}

async fn a_contact_gets_no_notes_and_both_sides_get_read_marks(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    stage.write(AuthorKind::Contact, "one").await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, Some(0))).await;
    assert_eq!(stream.message().await, (1, 1, 0));
    stage.note("between us").await;
    stage.write(AuthorKind::Agent, "two").await;
    assert_eq!(stream.message().await, (1, 3, 1));
    stage.mark(Side::Agent, 1).await;
    match stream.next().await {
        (1, Event::Read(mark)) => assert_eq!((mark.side(), mark.seq), (Side::Agent, 1)),
        other => panic!("{other:?}"),
    }
}

async fn agents_get_only_the_conversations_of_their_organization(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open_all()).await;
    let mut foreign = stage.draft(AuthorKind::Contact, "elsewhere");
    foreign.organization_id = uuid();
    stage.send(foreign).await.unwrap();

    stage.write(AuthorKind::Contact, "one").await;
    stage.note("between us").await;
    stage.mark(Side::Agent, 2).await;
    // Concurrent changes may be delivered together: each message and mark once, and after them the
    // conversation as it is then.
    let (mut seen, mut marks) = (Vec::new(), Vec::new());
    loop {
        match stream.next().await {
            (1, Event::Message(message)) => seen.push(message.seq),
            (1, Event::Read(mark)) => marks.push((mark.side(), mark.seq)),
            (1, Event::Conversation(now)) => {
                assert_eq!(now.id, stage.contact);
                if seen.len() == 2 && !marks.is_empty() {
                    break assert_eq!((now.last_seq, now.unread_count), (2, 0));
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((seen, marks), (vec![1, 2], vec![(Side::Agent, 2)]));
}

async fn concurrent_sends_reach_every_reader_in_order_each_once(scratch: ScratchDatabase) {
    let stage = Arc::new(stage(scratch).await);
    stage.write(AuthorKind::Contact, "first").await;
    let mut stream = stage.stream().await;
    for id in 1..=20 {
        stream.opened(id, stage.open(Side::Agent, None)).await;
    }
    stream.opened(21, stage.open_all()).await;
    let senders = (0..16).map(|_| {
        let stage = stage.clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                stage.write(AuthorKind::Contact, "more").await;
            }
        })
    });
    let senders = futures::future::join_all(senders);
    let read = async {
        let mut last = [1; 22];
        while last[1..].iter().any(|seq| *seq < 161) {
            match stream.next().await {
                (id, Event::Message(message)) => {
                    let last = &mut last[usize::try_from(id).unwrap()];
                    assert_eq!(message.seq, *last + 1, "subscription {id}");
                    *last = message.seq;
                }
                (21, Event::Conversation(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    let (sent, ()) = tokio::join!(senders, read);
    assert!(sent.into_iter().all(|sender| sender.is_ok()));
}

async fn an_invalid_request_ends_its_subscription_and_no_other(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, None)).await;
    let open = |change: fn(&mut OpenSubscription)| {
        let mut open = OpenSubscription {
            organization_id: stage.organization.clone(),
            conversation_id: stage.contact.clone(),
            side: Side::Agent.into(),
            after_seq: None,
        };
        change(&mut open);
        Some(Action::Open(open))
    };
    for (id, action, message) in [
        (2, open(|open| open.organization_id = "x".to_owned()), "open.organization_id "),
        (3, open(|open| open.conversation_id = "x".to_owned()), "open.conversation_id "),
        (4, open(|open| open.side = 0), "open.side must be contact or agent."),
        (
            5,
            open(|open| {
                open.conversation_id = String::new();
                open.side = Side::Contact.into();
            }),
            "open.side must be agent for all conversations.",
        ),
        (6, None, "action is missing."),
        (0, open(|_| {}), "subscription_id must be at least 1."),
    ] {
        let request = SubscribeRequest { subscription_id: id, action };
        stream.commands.send(request).await.unwrap();
        let (ended, reason, said) = stream.ended().await;
        assert_eq!((ended, reason), (id, SubscriptionEndReason::Invalid), "{said}");
        assert!(said.starts_with(message), "{said}");
    }
    // A number that is in use ends both subscriptions.
    stream.opened(7, stage.open(Side::Agent, None)).await;
    stream.command(7, stage.open(Side::Agent, None)).await;
    assert_eq!(stream.ended().await.1, SubscriptionEndReason::Invalid);
    // The close of what has ended isn't acknowledged again.
    stream.command(7, Action::Close(CloseSubscription {})).await;
    stage.write(AuthorKind::Contact, "still there").await;
    assert_eq!(stream.message().await, (1, 1, 0));
}

async fn the_end_of_a_conversation_ends_its_subscriptions(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    stage.write(AuthorKind::Contact, "one").await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, None)).await;
    stream.opened(2, stage.open_all()).await;
    let erase = DeleteConversationRequest {
        organization_id: stage.organization.clone(),
        conversation_id: stage.contact.clone(),
    };
    stage.sync.clone().delete_conversation(erase).await.unwrap();
    // In any order.
    let mut ended = [stream.ended().await, stream.ended().await];
    ended.sort_by_key(|(id, ..)| *id);
    let end = |id| (id, SubscriptionEndReason::ConversationEnded, String::new());
    assert_eq!(ended, [end(1), end(2)]);
    stream.command(3, stage.open(Side::Contact, None)).await;
    assert_eq!(stream.ended().await.1, SubscriptionEndReason::ConversationEnded);
}

async fn a_silent_stream_has_heartbeats(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let mut stream = stage.stream().await;
    let event = timeout(EVENT_TIMEOUT, stream.events.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(event.subscription_id, 0);
    assert!(matches!(event.event, Some(Event::Heartbeat(_))));
}

async fn a_stream_ends_with_the_process(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let mut stream = stage.stream().await;
    stream.opened(1, stage.open(Side::Contact, None)).await;
    stage.life.stop();
    assert!(timeout(EVENT_TIMEOUT, stream.events.next()).await.unwrap().is_none());
    stage.life.wait_for_shutdown().await;
}
