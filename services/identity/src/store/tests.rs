//! Texts that no row can hold.

use onethread_core::PageToken;
use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use tonic::Code;
use uuid::Uuid;

use crate::{contact::store::list::PageKey, testing::identity};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    texts_that_no_row_can_hold_are_not_found,
}

async fn texts_that_no_row_can_hold_are_not_found(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.start_session(Some("u"), None, "").await.organization_id;
    let mut request = identity.request(None, None, "");
    request.organization_name = "demo\0".to_owned();
    let answer = identity.sessions().identify(request).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated);
    let login = wire::LoginAgentRequest {
        organization_name: "demo".to_owned(),
        email: "a\0@example.com".to_owned(),
        password: "guess".to_owned(),
    };
    assert_eq!(
        identity.sessions().login_agent(login).await.unwrap_err().code(),
        Code::Unauthenticated
    );

    // Page tokens with invented keys.
    identity.start_session(Some("v"), None, "").await;
    let page = async |order_by: &str, page_token: String| {
        let request = wire::ListContactsRequest {
            organization_id: organization.clone(),
            order_by: order_by.to_owned(),
            page_size: 1,
            page_token,
        };
        identity.contacts().list_contacts(request).await
    };
    let page_after = async |order_by: &str, key: &PageKey| {
        let genuine = page(order_by, String::new()).await.unwrap().into_inner().next_page_token;
        let mut position: serde_json::Value = PageToken::decode(&genuine).unwrap().unwrap();
        position["key"] = serde_json::to_value(key).unwrap();
        page(order_by, PageToken::encode(&position)).await
    };
    let invalid = page_after("name", &PageKey::Name("\0".to_owned(), Uuid::nil())).await;
    assert_eq!(invalid.unwrap_err().code(), Code::InvalidArgument);
    for (at, found) in [(i64::MIN, 1), (i64::MAX, 0)] {
        let listed = page_after("created_at", &PageKey::Time(at, Uuid::nil())).await.unwrap();
        assert_eq!(listed.into_inner().contacts.len(), found);
    }
}
