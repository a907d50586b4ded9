//! Claims set by the API and by logins at the same time.

use futures::future::join_all;
use onethread_core::OrganizationId;
use onethread_errors::Reason;
use onethread_proto::identity::identify_response::Outcome;
use onethread_testing::ScratchDatabase;
use serde_json::json;

use crate::{organization::tests::OWNER, testing::identity};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    one_of_many_claims_set_at_once_is_stored,
}

async fn one_of_many_claims_set_at_once_is_stored(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = OrganizationId(identity.organization_id.parse().unwrap());
    for equal in [false, true] {
        let user_id = format!("u-{equal}");
        let id = identity.create(&identity.organization_id, &json!({"userId": user_id})).await;
        let contact = id.parse().unwrap();
        let hash = |n: usize| if equal { "same".to_owned() } else { format!("hash-{n}") };
        // Half of them are set by the API, half by logins.
        let api_calls = join_all((0..32).map(|n| {
            let (hash, app) = (hash(n), &identity.processes()[n % 2].app);
            async move { app.set_claim(organization, contact, &hash, OWNER).await }
        }));
        let logins: Vec<_> = (32..64).map(hash).collect();
        let logins = identity.identify_at_once(
            logins.iter().map(|hash| identity.request(Some(&user_id), Some(hash), "")),
        );
        let (api_calls, logins) = tokio::join!(api_calls, logins);
        let mut winners: Vec<_> = (0..32).filter(|n| api_calls[*n].is_ok()).collect();
        for rejected in api_calls.iter().filter_map(|result| result.as_ref().err()) {
            assert_eq!(rejected.reason, Reason::ClaimExists);
        }
        let logged_in: Vec<_> =
            (0..32).filter(|n| matches!(logins[*n], Outcome::Session(_))).map(|n| n + 32).collect();
        if equal {
            assert!(winners.len() <= 1, "a claim is set once");
            assert_eq!(logged_in.len(), 32, "the same hash is accepted");
        } else {
            winners.extend(logged_in);
            assert_eq!(winners.len(), 1);
        }
        for n in 0..64 {
            let is_right = equal || winners == [n];
            let outcome = identity.identify(Some(&user_id), Some(&hash(n)), "").await;
            assert_eq!(matches!(outcome, Outcome::Session(_)), is_right, "hash {n}");
        }
        assert_eq!(identity.count_audited("claim.set").await, if equal { 2 } else { 1 });
    }
}
