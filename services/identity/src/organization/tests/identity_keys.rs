//! Identity keys created and revoked at the same time.

use std::collections::BTreeSet;

use futures::future::join_all;
use onethread_core::{IdentityKeyId, OrganizationId};
use onethread_errors::Reason;
use onethread_testing::ScratchDatabase;

use super::OWNER;
use crate::testing::identity;

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    no_more_than_two_identity_keys_are_created_at_once,
}

async fn no_more_than_two_identity_keys_are_created_at_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = OrganizationId(identity.organization_id.parse().unwrap());
    for round in 1..=3 {
        let requests = (0..16).map(|n| {
            identity.processes()[n % 2].app.create_identity_key(organization, OWNER, None)
        });
        let mut created = BTreeSet::new();
        for result in join_all(requests).await {
            match result {
                Ok((key, _)) => assert!(created.insert(key.id.0)),
                Err(rejected) => assert_eq!(rejected.reason, Reason::TooManyKeys),
            }
        }
        assert_eq!(created.len(), 2, "round {round}");
        for process in identity.processes() {
            let listed = process.app.identity_keys(organization).await.unwrap();
            assert_eq!(listed.iter().map(|key| key.id.0).collect::<BTreeSet<_>>(), created);
        }
        assert_eq!(identity.count_audited("identity-key.create").await, 2 * round);
        for id in created {
            let id = IdentityKeyId(id);
            let revocations =
                identity.processes().map(|p| p.app.revoke_identity_key(organization, id, OWNER));
            let revoked = join_all(revocations).await.into_iter().filter(Result::is_ok).count();
            assert_eq!(revoked, 1, "a key is revoked once");
        }
        assert_eq!(identity.count_audited("identity-key.end").await, 2 * round);
    }
}
