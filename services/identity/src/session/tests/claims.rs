//! First hashes at the same time.

use onethread_proto::identity::identify_response::Outcome;
use onethread_testing::ScratchDatabase;
use tonic::Code;

use crate::testing::{identity, session_of};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    one_of_sixty_four_different_first_hashes_becomes_the_claim,
    sixty_four_equal_first_hashes_are_all_accepted,
}

async fn one_of_sixty_four_different_first_hashes_becomes_the_claim(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let hashes: Vec<_> = (0..64).map(|n| format!("hash-{n}")).collect();
    let requests = hashes.iter().map(|hash| identity.request(Some("u"), Some(hash), ""));
    let outcomes = identity.identify_at_once(requests).await;
    let accepted: Vec<_> =
        (0..64).filter(|n| matches!(outcomes[*n], Outcome::Session(_))).collect();
    assert_eq!(accepted.len(), 1);
    // It is accepted from then on.
    identity.start_session(Some("u"), Some(&hashes[accepted[0]]), "").await;
}

async fn sixty_four_equal_first_hashes_are_all_accepted(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    // The contact exists without a claim, so that all of them update one row.
    let before = identity.start_session(Some("u"), None, "").await;
    let requests = (0..64).map(|_| identity.request(Some("u"), Some("s"), ""));
    for outcome in identity.identify_at_once(requests).await {
        assert!(identity.authenticate(&session_of(outcome).token).await.is_ok());
    }
    assert_eq!(identity.authenticate(&before.token).await.unwrap_err(), Code::Unauthenticated);
    assert!(matches!(identity.identify(Some("u"), None, "").await, Outcome::Refused(_)));
}
