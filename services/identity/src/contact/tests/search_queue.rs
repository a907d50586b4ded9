//! Searches that wait for each other, and calls that don't wait for them.

use std::time::Duration;

use futures::{future::join_all, poll};
use onethread_core::{OrganizationId, PageSize};
use onethread_db::MAX_SEARCHERS;
use onethread_errors::Reason;
use onethread_testing::ScratchDatabase;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    contact::app::{contacts::ContactQuery, search_queue::MAX_WAITING_PER_ORGANIZATION},
    testing::identity,
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    searches_wait_for_each_other_and_widgets_for_none,
}

fn query() -> ContactQuery {
    ContactQuery {
        words: "ann".to_owned(),
        conditions: Vec::new(),
        include_visitors: false,
        order_by: String::new(),
        page_token: String::new(),
    }
}

async fn searches_wait_for_each_other_and_widgets_for_none(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let app = &identity.service.app;
    let organization = OrganizationId(identity.organization_id.parse().unwrap());
    // Searches of another organization take all places and all connections for searches.
    let other = OrganizationId(Uuid::from_u128(5));
    let mut running = Vec::new();
    while let Ok(permit) = timeout(Duration::from_millis(50), app.searches.enter(other)).await {
        running.push(permit.unwrap());
    }
    let mut connections = Vec::new();
    for _ in 0..MAX_SEARCHERS {
        connections.push(app.db.searcher("test").await.unwrap());
    }
    let search = || Box::pin(app.search_contacts(organization, query(), PageSize::DEFAULT));
    let mut waiting: Vec<_> = (0..MAX_WAITING_PER_ORGANIZATION).map(|_| search()).collect();
    for search in &mut waiting {
        assert!(poll!(search).is_pending());
    }
    let rejected = search().await.unwrap_err();
    assert_eq!(rejected.reason, Reason::RateLimited);
    assert!(rejected.retry_after.is_some());

    identity.start_session(Some("u"), None, "").await;
    app.list_contacts(organization, "", PageSize::DEFAULT, "").await.unwrap();

    drop(running);
    drop(connections);
    for found in join_all(waiting).await {
        found.unwrap();
    }
}
