//! Sessions of visitors.

use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use tonic::Code;

use crate::testing::{identity, text};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    opening_a_page_writes_no_row_and_a_form_alone_does_not_list_the_visitor,
    a_visitor_session_does_not_revoke_the_contact_s_session_on_the_device,
}

async fn opening_a_page_writes_no_row_and_a_form_alone_does_not_list_the_visitor(
    scratch: ScratchDatabase,
) {
    let identity = identity(scratch).await;
    let opened = identity.start_session(None, None, "").await;
    let organization = opened.organization_id.clone();
    let id = opened.person.as_ref().unwrap().id.clone();
    assert_eq!(identity.get(&organization, &id).await.unwrap_err().code(), Code::NotFound);

    let fields = [("name", "Ann"), ("email", "ann@example.com")];
    let form = wire::SubmitPreChatRequest {
        token: opened.token.clone(),
        fields: fields.map(|(k, v)| (k.to_owned(), text(v).unwrap())).into(),
        ..Default::default()
    };
    let submitted =
        identity.visitors().submit_pre_chat(form).await.unwrap().into_inner().session.unwrap();
    assert!(submitted.stored && !submitted.pre_chat.unwrap().show);
    assert!(identity.list_contacts(&organization, "", 50).await.is_empty());

    for _ in 0..2 {
        identity.record_first_message(&organization, &id).await;
    }
    let listed = identity.list_contacts(&organization, "", 50).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].source(), wire::ContactSource::PreChat);

    // A login as a new user keeps the row and revokes the visitor's token.
    let person = identity.start_session(Some("new"), None, &opened.device_token).await;
    assert_eq!(person.person.unwrap().id, id);
    assert_eq!(identity.authenticate(&opened.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&person.token).await.is_ok());
    // The device has another visitor now.
    let again = identity.start_session(None, None, &opened.device_token).await;
    assert_ne!(again.person.unwrap().id, id);
}

async fn a_visitor_session_does_not_revoke_the_contact_s_session_on_the_device(
    scratch: ScratchDatabase,
) {
    let identity = identity(scratch).await;
    let person = identity.start_session(Some("u"), None, "").await;
    let visitor = identity.start_session(None, None, &person.device_token).await;
    assert_eq!(visitor.mode(), wire::SessionMode::Visitor);
    assert!(identity.authenticate(&person.token).await.is_ok());
    assert!(identity.authenticate(&visitor.token).await.is_ok());
    // Another user's login on the same device revokes the first one's session.
    let other = identity.start_session(Some("v"), None, &visitor.device_token).await;
    assert_eq!(identity.authenticate(&person.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&other.token).await.is_ok());
}
