//! Logins at the same time.

use onethread_testing::ScratchDatabase;

use crate::testing::{identity, session_of};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    sixty_four_first_logins_create_one_contact,
    one_of_many_logins_on_a_device_stays_logged_in,
}

async fn sixty_four_first_logins_create_one_contact(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let sessions =
        identity.identify_at_once((0..64).map(|_| identity.request(Some("12345"), None, ""))).await;
    let sessions: Vec<_> = sessions.into_iter().map(session_of).collect();
    let first = sessions[0].person.as_ref().unwrap();
    assert!(sessions.iter().all(|session| session.person.as_ref().unwrap().id == first.id));
    assert_eq!(identity.list_contacts(&sessions[0].organization_id, "", 50).await.len(), 1);
    for session in &sessions {
        assert!(identity.authenticate(&session.token).await.is_ok());
    }
}

async fn one_of_many_logins_on_a_device_stays_logged_in(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    // The first round creates the device's row, the second one updates it.
    let mut device = identity.start_session(None, None, "").await.device_token;
    for round in 0..2 {
        let users: Vec<_> = (0..32).map(|n| format!("{round}-{n}")).collect();
        let requests = users.iter().map(|user| identity.request(Some(user), None, &device));
        let sessions: Vec<_> =
            identity.identify_at_once(requests).await.into_iter().map(session_of).collect();
        let mut valid = 0;
        for session in &sessions {
            valid += usize::from(identity.authenticate(&session.token).await.is_ok());
        }
        assert_eq!(valid, 1, "round {round}");
        device.clone_from(&sessions[0].device_token);
    }
}
