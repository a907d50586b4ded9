//! Calls.

use onethread_errors::{Error, Reason};
use onethread_proto::{
    common::{Actor, ActorKind},
    conversation::{
        AssignedEvent, Author, AuthorKind, ClosedEvent, Conversation, ConversationStatus,
        DeleteConversationRequest, GetConversationRequest, ListConversationsRequest,
        ListMessagesRequest, ListMessagesResponse, MarkReadRequest, MergeConversationsRequest,
        MergedEvent, ReopenedEvent, SendMessageRequest, SetInterestRequest, Side, UnassignedEvent,
        UpdateConversationRequest, conversation_event::Kind as EventKind,
        list_conversations_request::Assignment, message, send_message_request::Body,
    },
};
use onethread_testing::ScratchDatabase;
use prost_types::FieldMask;
use tokio::time::timeout;

use crate::harness::*;

onethread_testing::on_each_database! {
    onethread_conversation::MIGRATIONS:
    a_send_returns_the_stored_message_and_a_repeat_the_same,
    invalid_fields_are_named_and_nothing_is_stored,
    an_error_names_the_field_by_its_path_in_the_request,
    an_invalid_update_names_its_field,
    a_thread_is_empty_before_its_first_message_and_missing_after_its_end,
    an_event_says_what_happened,
    both_sides_see_their_own_unread_and_last_message,
    identity_is_notified_of_the_contacts_first_message_once,
}

async fn a_send_returns_the_stored_message_and_a_repeat_the_same(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let draft = stage.draft(AuthorKind::Contact, "hi 👋");
    let first = stage.send(draft.clone()).await.unwrap();
    let again = stage.send(draft.clone()).await.unwrap();
    assert!(!first.already_stored && again.already_stored);
    assert_eq!(first.message, again.message);
    let message = first.message.unwrap();
    assert_eq!((message.seq, message.prev_seq), (1, 0));
    assert_eq!(message.body, Some(message::Body::Text("hi 👋".to_owned())));
    assert_eq!(message.client_message_id, Some(draft.client_message_id.clone()));

    let other = SendMessageRequest { body: Some(Body::Text("ho".to_owned())), ..draft.clone() };
    assert_eq!(stage.send(other).await.unwrap_err().reason, Reason::MessageIdReused);
    // The same words as a note are another message.
    let draft = stage.draft(AuthorKind::Agent, "for all");
    stage.send(draft.clone()).await.unwrap();
    let note = SendMessageRequest { body: Some(Body::Note("for all".to_owned())), ..draft };
    assert_eq!(stage.send(note).await.unwrap_err().reason, Reason::MessageIdReused);
}

async fn invalid_fields_are_named_and_nothing_is_stored(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let good = stage.draft(AuthorKind::Contact, "hi");
    let with = |body| SendMessageRequest { body, ..good.clone() };
    let cases = [
        (with(Some(Body::Text(String::new()))), "text"),
        (with(Some(Body::Text("a\0".to_owned()))), "text"),
        (with(Some(Body::Note("a".repeat(20_001)))), "note"),
        (with(None), "body"),
        (
            SendMessageRequest { client_message_id: "7".to_owned(), ..good.clone() },
            "client_message_id",
        ),
        (SendMessageRequest { conversation_id: "7".to_owned(), ..good.clone() }, "conversation_id"),
    ];
    for (request, path) in cases {
        let error = stage.send(request).await.unwrap_err();
        assert_eq!(error.reason, Reason::InvalidArgument);
        assert_eq!(error.fields[0].path, path);
    }
    let note = with(Some(Body::Note("hi".to_owned())));
    assert_eq!(stage.send(note).await.unwrap_err().reason, Reason::Forbidden);
    // A contact in another's conversation, and an agent where nobody wrote.
    let foreign = SendMessageRequest { conversation_id: uuid(), ..good };
    assert_eq!(stage.send(foreign).await.unwrap_err().reason, Reason::NotFound);
    let early = stage.draft(AuthorKind::Agent, "hi");
    assert_eq!(stage.send(early).await.unwrap_err().reason, Reason::NotFound);

    assert_eq!(stage.messages().await.unwrap(), ListMessagesResponse::default());
}

async fn a_thread_is_empty_before_its_first_message_and_missing_after_its_end(
    scratch: ScratchDatabase,
) {
    let stage = stage(scratch).await;
    assert_eq!(stage.messages().await.unwrap(), ListMessagesResponse::default());
    stage.write(AuthorKind::Contact, "one").await;
    let page = stage.messages().await.unwrap();
    assert_eq!((page.messages.len(), page.last_seq, page.unread_count), (1, 1, 1));
    let erase = DeleteConversationRequest {
        organization_id: stage.organization.clone(),
        conversation_id: stage.contact.clone(),
    };
    stage.sync.clone().delete_conversation(erase).await.unwrap();
    assert_eq!(stage.messages().await.unwrap_err().reason, Reason::NotFound);
}

/// Makes calls with these fields. Each has to fail, and to name the one path.
macro_rules! violations {
    ($($client:ident.$call:ident($message:ident { $($field:ident: $value:expr),* $(,)? }) => $path:expr;)*) => {
        $({
            let mut request: $message = empty();
            $(request.$field = $value.into();)*
            let error = Error::from($client.$call(request).await.unwrap_err());
            let named: Vec<_> = error.fields.iter().map(|field| &*field.path).collect();
            assert_eq!((error.reason, &*named), (Reason::InvalidArgument, &[$path][..]));
        })*
    };
}

fn empty<T: Default>() -> T {
    T::default()
}

async fn an_error_names_the_field_by_its_path_in_the_request(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let (mut calls, mut sync) = (stage.calls.clone(), stage.sync.clone());
    let (organization, contact) = (&stage.organization, &stage.contact);
    let agent = Author { kind: AuthorKind::Agent.into(), id: "x".to_owned() };
    violations! {
        calls.send_message(SendMessageRequest {
            organization_id: organization.clone(), conversation_id: contact.clone(), author: agent,
            body: Body::Text("hi".to_owned()), client_message_id: uuid(),
        }) => "author.id";
        calls.get_conversation(GetConversationRequest {
            organization_id: organization.clone(), side: Side::Agent,
        }) => "conversation_id";
        calls.get_conversation(GetConversationRequest {
            organization_id: organization.clone(), conversation_id: contact.clone(),
        }) => "side";
        calls.list_messages(ListMessagesRequest {
            organization_id: organization.clone(), conversation_id: contact.clone(),
            side: Side::Agent, page_size: -1,
        }) => "page_size";
        calls.list_conversations(ListConversationsRequest {
            organization_id: organization.clone(), page_size: -1,
        }) => "page_size";
        calls.list_conversations(ListConversationsRequest {
            organization_id: organization.clone(),
            assignment: Assignment::AssigneeId("x".to_owned()),
        }) => "assignee_id";
        calls.list_conversations(ListConversationsRequest {
            organization_id: organization.clone(), assignment: Assignment::Unassigned(false),
        }) => "unassigned";
        calls.mark_read(MarkReadRequest {
            organization_id: organization.clone(), conversation_id: contact.clone(),
            side: Side::Agent, seq: -1,
        }) => "seq";
        sync.set_interest(SetInterestRequest {
            organization_id: organization.clone(), facts: vec![1, 7], version: 1,
        }) => "facts[1]";
        sync.merge_conversations(MergeConversationsRequest {
            organization_id: organization.clone(), source_conversation_id: contact.clone(),
            target_conversation_id: contact.clone(), merge_id: uuid(),
        }) => "target_conversation_id";
    }
}

async fn an_invalid_update_names_its_field(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    let (mut calls, organization) = (stage.calls.clone(), &stage.organization);
    let actor = |kind: ActorKind| Actor { kind: kind.into(), id: uuid() };
    let nobody = Actor { kind: ActorKind::Agent.into(), id: "x".to_owned() };
    let of = |status: i32, assignee_id: Option<String>| Conversation {
        id: stage.contact.clone(),
        status,
        assignee_id,
        ..Default::default()
    };
    violations! {
        calls.update_conversation(UpdateConversationRequest {
            organization_id: organization.clone(),
            update_mask: FieldMask { paths: vec!["color".to_owned()] },
        }) => "update_mask";
        calls.update_conversation(UpdateConversationRequest {
            organization_id: organization.clone(), actor: actor(ActorKind::Agent),
        }) => "conversation.id";
        calls.update_conversation(UpdateConversationRequest {
            organization_id: organization.clone(), conversation: of(9, None),
        }) => "conversation.status";
        calls.update_conversation(UpdateConversationRequest {
            organization_id: organization.clone(), conversation: of(0, Some("x".to_owned())),
        }) => "conversation.assignee_id";
        calls.update_conversation(UpdateConversationRequest {
            organization_id: organization.clone(), conversation: of(1, None),
            actor: actor(ActorKind::Widget),
        }) => "actor";
        calls.update_conversation(UpdateConversationRequest {
            organization_id: organization.clone(), conversation: of(1, None), actor: nobody,
        }) => "actor.id";
    }
}

async fn an_event_says_what_happened(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    stage.write(AuthorKind::Contact, "one").await;
    let (agent, key, mut calls) = (uuid(), uuid(), stage.calls.clone());
    let actor = Actor { kind: ActorKind::ApiKey.into(), id: key.clone() };
    let change =
        |status: ConversationStatus, assignee_id: Option<&String>| UpdateConversationRequest {
            organization_id: stage.organization.clone(),
            conversation: Some(Conversation {
                id: stage.contact.clone(),
                status: status.into(),
                assignee_id: assignee_id.cloned(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask {
                paths: vec!["assignee_id".to_owned(), "status".to_owned()],
            }),
            actor: Some(actor.clone()),
        };
    // An empty mask means what has a value.
    let masked = change(ConversationStatus::Closed, Some(&agent));
    for change in [
        UpdateConversationRequest { update_mask: None, ..masked },
        change(ConversationStatus::Open, None),
    ] {
        calls.update_conversation(change).await.unwrap();
    }
    let source = uuid();
    let draft = stage.draft(AuthorKind::Contact, "from the other");
    let other = SendMessageRequest {
        conversation_id: source.clone(),
        author: Some(Author { kind: AuthorKind::Contact.into(), id: source.clone() }),
        ..draft
    };
    stage.send(other).await.unwrap();
    let merge = MergeConversationsRequest {
        organization_id: stage.organization.clone(),
        source_conversation_id: source.clone(),
        target_conversation_id: stage.contact.clone(),
        merge_id: uuid(),
    };
    stage.sync.clone().merge_conversations(merge).await.unwrap();

    let page = stage.messages().await.unwrap();
    let events = page.messages.iter().filter_map(|message| match message.body.as_ref()? {
        message::Body::Event(event) => Some((message.author.clone()?.id, event.kind.clone()?)),
        _ => None,
    });
    let assigned = AssignedEvent { assignee_id: agent };
    let merged = MergedEvent { source_conversation_id: source.clone() };
    let expected = [
        (key.clone(), EventKind::Assigned(assigned)),
        (key.clone(), EventKind::Closed(ClosedEvent {})),
        (key.clone(), EventKind::Unassigned(UnassignedEvent {})),
        (key, EventKind::Reopened(ReopenedEvent {})),
        (source, EventKind::Merged(merged)),
    ];
    assert_eq!(events.collect::<Vec<_>>(), expected);
}

async fn both_sides_see_their_own_unread_and_last_message(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    stage.write(AuthorKind::Contact, "one").await;
    stage.note("between us").await;
    let get = async |side: Side| {
        let request = GetConversationRequest {
            organization_id: stage.organization.clone(),
            conversation_id: stage.contact.clone(),
            side: side.into(),
        };
        let got = stage.calls.clone().get_conversation(request).await.unwrap().into_inner();
        let got = got.conversation.unwrap();
        (got.last_seq, got.unread_count, got.last_message.unwrap().body.unwrap())
    };
    let note = message::Body::Note("between us".to_owned());
    assert_eq!(get(Side::Contact).await, (1, 0, message::Body::Text("one".to_owned())));
    assert_eq!(get(Side::Agent).await, (2, 1, note.clone()));
    assert_eq!(stage.mark(Side::Agent, 50).await, 2);
    assert_eq!(get(Side::Agent).await, (2, 0, note));

    let list = ListConversationsRequest {
        assignment: None,
        organization_id: stage.organization.clone(),
        status: 0,
        page_size: 1,
        page_token: "made up".to_owned(),
    };
    let error = stage.calls.clone().list_conversations(list.clone()).await.unwrap_err();
    assert_eq!(Error::from(error).fields[0].path, "page_token");
    let list = ListConversationsRequest { page_token: String::new(), ..list };
    let page = stage.calls.clone().list_conversations(list).await.unwrap().into_inner();
    assert_eq!(page.conversations.len(), 1);
    assert_eq!(page.next_page_token, "");
}

async fn identity_is_notified_of_the_contacts_first_message_once(scratch: ScratchDatabase) {
    let stage = stage(scratch).await;
    for text in ["one", "two", "three"] {
        stage.write(AuthorKind::Contact, text).await;
    }
    let mut calls = stage.first_messages.lock().await;
    let first = timeout(EVENT_TIMEOUT, calls.recv()).await.unwrap().unwrap();
    assert_eq!((&first.organization_id, &first.contact_id), (&stage.organization, &stage.contact));
    assert!(calls.try_recv().is_err());
}
