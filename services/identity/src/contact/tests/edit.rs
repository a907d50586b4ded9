//! Contacts created and changed by the API.

use onethread_proto::identity as wire;
use onethread_testing::ScratchDatabase;
use serde_json::json;
use tonic::Code;
use uuid::Uuid;

use crate::testing::identity;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    an_upsert_creates_a_user_id_once_and_then_updates_it,
    invalid_changes_change_nothing,
}

async fn an_upsert_creates_a_user_id_once_and_then_updates_it(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    let changes = json!({"userId": "u", "name": "Ann", "customData": {"plan": "pro", "age": 1},
        "tags": ["a", " b ", "a"]});
    let first = identity.upsert(&organization, &changes).await.unwrap();
    assert!(first.created);
    let contact = first.contact.unwrap();
    assert_eq!(
        (contact.source(), contact.tags),
        (wire::ContactSource::Api, vec!["a".into(), "b".into()])
    );
    let id = contact.person.unwrap().id;
    let again = json!({"userId": "u", "name": null, "customData": {"age": null}});
    let again = identity.upsert(&organization, &again).await.unwrap();
    assert!(!again.created);
    let person = identity.get(&organization, &id).await.unwrap().person.unwrap();
    assert!(person.name_generated);
    assert_eq!(person.custom_data.unwrap().fields.into_keys().collect::<Vec<_>>(), ["plan"]);
    // A login with the user id keeps the source.
    assert_eq!(identity.start_session(Some("u"), None, "").await.person.unwrap().id, id);
    assert_eq!(identity.get(&organization, &id).await.unwrap().source(), wire::ContactSource::Api);
    // Without a user id each upsert creates a contact.
    let one = identity.create(&organization, &json!({"email": "a@example.com"})).await;
    assert_ne!(one, identity.create(&organization, &json!({"email": "a@example.com"})).await);
    // A blocked contact is reported as such by the next call.
    let session = identity.start_session(Some("u"), None, "").await;
    assert!(identity.update(&organization, &id, &json!({"blocked": true})).await.unwrap().blocked);
    let caller = identity.authenticate(&session.token).await.unwrap().caller.unwrap();
    let wire::authenticate_response::Caller::Contact(caller) = caller else { panic!("a contact") };
    assert!(caller.blocked);
}

async fn invalid_changes_change_nothing(scratch: ScratchDatabase) {
    use onethread_errors::Error;
    let identity = identity(scratch).await;
    let organization = identity.organization_id.clone();
    let id = identity.create(&organization, &json!({"userId": "u", "name": "Ann"})).await;
    for (invalid, path) in [
        (json!({"email": "no"}), "changes.user.email"),
        (json!({"name": 5}), "changes.user.name"),
        (json!({"customData": {"a/b": 1}}), r#"changes.user.custom_data["a/b"]"#),
        (json!({"customData": 1}), "changes.user.custom_data"),
        (json!({"tags": "a"}), "changes.tags"),
        (json!({"tags": ["ok", ""]}), "changes.tags[1]"),
        (json!({"tags": ["a,b"]}), "changes.tags[0]"),
        (json!({"blocked": "yes"}), "changes.blocked"),
        (json!({"blocked": null}), "changes.blocked"),
        (json!({"userId": "another"}), "changes.user.user_id"),
        (json!({"userId": 5}), "changes.user.user_id"),
    ] {
        let changes = {
            let mut changes = invalid.clone();
            changes["company"] = json!("Lost, Inc.");
            changes
        };
        let rejected =
            Error::from(identity.update(&organization, &id, &changes).await.unwrap_err());
        assert_eq!(rejected.fields[0].path, path);
        let unknown =
            identity.update(&organization, &Uuid::from_u128(1).to_string(), &changes).await;
        if path != "changes.user.user_id" {
            assert_eq!(Error::from(unknown.unwrap_err()).fields[0].path, path);
        }
    }
    assert_eq!(identity.get(&organization, &id).await.unwrap().person.unwrap().company, None);
    // An id of another organization is answered as an unknown one.
    let foreign = Uuid::from_u128(5).to_string();
    for (organization, id) in [(&organization, &Uuid::from_u128(1).to_string()), (&foreign, &id)] {
        let rejected = identity.update(organization, id, &json!({"name": "X"})).await.unwrap_err();
        assert_eq!(rejected.code(), Code::NotFound);
        assert_eq!(identity.erase(organization, id).await.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(identity.get(&organization, &id).await.unwrap().person.unwrap().name, "Ann");
}
