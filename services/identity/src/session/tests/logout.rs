//! Logouts.

use onethread_proto::identity::{self as wire, session_service_client::SessionServiceClient};
use onethread_testing::ScratchDatabase;
use tonic::Code;

use crate::testing::{identity, session_of};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_logout_revokes_the_session_and_replaces_the_device,
    a_logout_during_logins_on_a_device_revokes_the_session,
}

async fn a_logout_revokes_the_session_and_replaces_the_device(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let person = identity.start_session(Some("u"), None, "").await;
    let elsewhere = identity.start_session(Some("u"), None, "").await;
    let logout = wire::LogoutRequest { token: person.token.clone() };
    let replaced = identity.sessions().logout(logout).await.unwrap().into_inner().session.unwrap();
    assert_eq!(identity.authenticate(&person.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(identity.authenticate(&elsewhere.token).await.is_ok());
    let again = identity.start_session(None, None, &person.device_token).await;
    assert_eq!(again.mode(), wire::SessionMode::Visitor);
    assert_ne!(again.person.unwrap().id, replaced.person.unwrap().id);
}

async fn a_logout_during_logins_on_a_device_revokes_the_session(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let person = identity.start_session(Some("u"), None, "").await;
    let users: Vec<_> = (0..32).map(|n| format!("v{n}")).collect();
    let logins = identity.identify_at_once(
        users.iter().map(|v| identity.request(Some(v), None, &person.device_token)),
    );
    let mut sessions = SessionServiceClient::new(identity.other.peer());
    let logout = sessions.logout(wire::LogoutRequest { token: person.token.clone() });
    let (outcomes, logged_out) = tokio::join!(logins, logout);
    assert_eq!(identity.authenticate(&person.token).await.unwrap_err(), Code::Unauthenticated);
    outcomes.into_iter().for_each(|outcome| drop(session_of(outcome)));
    // Either the logout came first and retired the device, so that each init gets another one, or
    // another person was logged in on the device before it.
    let again = identity.start_session(None, None, &person.device_token).await.person.unwrap();
    let another = identity.start_session(None, None, &person.device_token).await.person.unwrap();
    assert_eq!(logged_out.is_ok(), again.id != another.id);
}
