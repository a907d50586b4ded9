//! The agents' list.

use super::*;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    the_list_is_newest_first_and_its_pages_have_no_gap,
    pages_of_the_list_have_each_conversation_once_despite_new_activity,
    a_list_is_filtered_by_assignee,
}

/// Conversations begun by their contacts, each a little later than the one before.
async fn many(app: &TestApp, organization: OrganizationId, count: i64) -> Vec<ConversationId> {
    let mut all = Vec::new();
    for n in 0..count {
        let id = ConversationId(uuid());
        send_at(app, organization, id, n).await;
        all.push(id);
    }
    all
}

async fn send_at(app: &TestApp, organization: OrganizationId, id: ConversationId, at: i64) {
    let mut one = message(id, contact(id), MessageKind::Text, "hello");
    one.now = Timestamp::from_micros(NOW.micros() + at);
    stored(app.send(organization, one).await.unwrap());
}

async fn the_list_is_newest_first_and_its_pages_have_no_gap(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let mut expected = Vec::new();
    for n in 0..9_i64 {
        let id = ConversationId(uuid());
        let mut one = message(id, contact(id), MessageKind::Text, "hello");
        // Three each at the same time: then the id decides.
        one.now = Timestamp::from_micros(NOW.micros() + n / 3);
        app.send(organization, one).await.unwrap();
        expected.push((NOW.micros() + n / 3, id));
    }
    expected.sort_by(|a, b| b.cmp(a));
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();

    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let query = ListQuery { after, size: size(2), ..ALL };
        let page = app.list(organization, query).await;
        seen.extend(page.summaries.iter().map(|one| one.conversation.id));
        assert!(page.summaries.iter().all(|one| one.last_message.as_ref().unwrap().seq == 1));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);

    let open = ListQuery { status: Some(Status::Open), ..ALL };
    assert_eq!(app.list(organization, open).await.summaries.len(), 9);
    let closed = ListQuery { status: Some(Status::Closed), ..ALL };
    assert!(app.list(organization, closed).await.summaries.is_empty());
}

async fn pages_of_the_list_have_each_conversation_once_despite_new_activity(
    scratch: ScratchDatabase,
) {
    let app = TestApp::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let all = many(&app, organization, 12).await;
    let (mut seen, mut query) = (Vec::new(), ListQuery { size: size(3), ..ALL });
    let mut later = 100;
    loop {
        let page = app.list(organization, query).await;
        let first = page.summaries[0].conversation.updated_at;
        seen.extend(page.summaries.iter().map(|one| one.conversation.id));
        let Some(next) = page.next else { break };
        query = ListQuery { after: Some(next), since: query.since.or(Some(first)), ..query };
        // One that was seen, one that wasn't, and a new one, each twice.
        for id in [all[11], all[0], all[3], ConversationId(uuid())] {
            for _ in 0..2 {
                later += 1;
                send_at(&app, organization, id, later).await;
            }
        }
    }
    assert_eq!(seen, all.iter().rev().copied().collect::<Vec<_>>());
}

async fn a_list_is_filtered_by_assignee(scratch: ScratchDatabase) {
    let app = TestApp::new(scratch.db.clone());
    let organization = OrganizationId(uuid());
    let mut all = many(&app, organization, 5).await;
    all.sort();
    let (ann, bob) = (AgentId(uuid()), AgentId(uuid()));
    for (id, to) in [(all[0], ann), (all[1], ann), (all[2], bob)] {
        app.update(organization, id, assign(Some(to))).await.unwrap();
    }
    app.update(organization, all[1], set_status(Status::Closed)).await.unwrap();
    app.update(organization, all[3], set_status(Status::Closed)).await.unwrap();
    let listed = async |status, assignee| {
        let page = app.list(organization, ListQuery { status, assignee, ..ALL }).await;
        let mut ids: Vec<_> = page.summaries.iter().map(|one| one.conversation.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(listed(None, AssigneeFilter::Any).await, all);
    assert_eq!(listed(None, AssigneeFilter::AssignedTo(ann)).await, all[..2]);
    assert_eq!(listed(Some(Status::Open), AssigneeFilter::AssignedTo(ann)).await, all[..1]);
    assert_eq!(listed(None, AssigneeFilter::Unassigned).await, all[3..]);
    assert_eq!(listed(Some(Status::Closed), AssigneeFilter::Unassigned).await, all[3..4]);
    assert_eq!(listed(Some(Status::Closed), AssigneeFilter::AssignedTo(bob)).await, []);
    assert_eq!(listed(None, AssigneeFilter::AssignedTo(AgentId(uuid()))).await, []);
}
