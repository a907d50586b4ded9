//! What owners and companies' servers settle about proofs: policy, identity keys, claims.

use std::collections::BTreeSet;

use onethread_core::{AgentId, OrganizationId};
use onethread_errors::Reason;
use serde_json::json;

use super::*;
use crate::organization::domain::{audit::Actor, policy::Policy, settings::SettingsPatch};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_policy_holds_in_every_process_at_once,
    two_identity_keys_live_however_many_are_made_at_once,
    of_many_claims_made_beforehand_one_holds,
}

const OWNER: Actor = Actor::Agent(AgentId(Uuid::from_u128(7)));

impl Identity {
    fn processes(&self) -> [&Service; 2] {
        [&self.service, &self.other]
    }

    /// How often each of these was done.
    async fn audited(&self, of: OrganizationId, action: &str) -> usize {
        let page = onethread_core::PageSize::new(200).unwrap();
        let entries = self.service.app.audit(of, page, "").await.unwrap().0;
        entries.iter().filter(|entry| entry.action == action).count()
    }
}

async fn a_policy_holds_in_every_process_at_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = OrganizationId(identity.of().await.parse().unwrap());
    for (policy, report_only, enforced) in [
        (Policy::SecurityHash, false, Policy::SecurityHash),
        (Policy::Jwt, true, Policy::Optional),
        (Policy::Hmac, false, Policy::Hmac),
        (Policy::Optional, false, Policy::Optional),
    ] {
        let patch = SettingsPatch {
            policy: Some(policy),
            report_only: Some(report_only),
            ..SettingsPatch::default()
        };
        let changed = identity.service.app.change_settings(of, patch.clone(), OWNER).await.unwrap();
        for process in identity.processes() {
            let settings = process.app.settings(of).await.unwrap();
            assert_eq!(settings, changed);
            assert_eq!((settings.policy, settings.enforced()), (policy, enforced));
            assert_eq!(settings.name, identity.organization);
        }
        // The same again is no change.
        let before = identity.audited(of, "organization.change").await;
        identity.other.app.change_settings(of, patch, OWNER).await.unwrap();
        assert_eq!(identity.audited(of, "organization.change").await, before);
        let outcome = identity.identify(Some("u"), None, "").await;
        let let_in = matches!(outcome, Outcome::Session(_));
        assert_eq!(let_in, enforced == Policy::Optional, "{policy:?}");
    }
    // One member changes alone, even while another call changes the other.
    let changes = (0..16).map(|n| {
        let patch = if n % 2 == 0 {
            SettingsPatch { policy: Some(Policy::Jwt), ..SettingsPatch::default() }
        } else {
            SettingsPatch { report_only: Some(true), ..SettingsPatch::default() }
        };
        identity.processes()[n % 2].app.change_settings(of, patch, OWNER)
    });
    for changed in join_all(changes).await {
        changed.unwrap();
    }
    let settings = identity.service.app.settings(of).await.unwrap();
    assert_eq!((settings.policy, settings.report_only), (Policy::Jwt, true));
    // Another organization has settled nothing.
    let foreign = OrganizationId(Uuid::from_u128(5));
    assert!(identity.service.app.settings(foreign).await.is_err());
}

async fn two_identity_keys_live_however_many_are_made_at_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of = OrganizationId(identity.of().await.parse().unwrap());
    for round in 1..=3 {
        let tries = (0..16).map(|n| identity.processes()[n % 2].app.create_identity_key(of, OWNER));
        let mut made = BTreeSet::new();
        for tried in join_all(tries).await {
            match tried {
                Ok(key) => assert!(made.insert(key.id.0)),
                Err(refused) => assert_eq!(refused.reason, Reason::TooManyKeys),
            }
        }
        assert_eq!(made.len(), 2, "round {round}");
        for process in identity.processes() {
            let listed = process.app.identity_keys(of).await.unwrap();
            assert_eq!(listed.iter().map(|key| key.id.0).collect::<BTreeSet<_>>(), made);
        }
        assert_eq!(identity.audited(of, "identity-key.create").await, 2 * round);
        for id in made {
            let id = onethread_core::IdentityKeyId(id);
            let ends = identity.processes().map(|p| p.app.revoke_identity_key(of, id, OWNER));
            let ended = join_all(ends).await.into_iter().filter(Result::is_ok).count();
            assert_eq!(ended, 1, "a key ends once");
        }
        assert_eq!(identity.audited(of, "identity-key.end").await, 2 * round);
    }
}

async fn of_many_claims_made_beforehand_one_holds(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let of_text = identity.of().await;
    let of = OrganizationId(of_text.parse().unwrap());
    for equal in [false, true] {
        let user_id = format!("u-{equal}");
        let id = identity.make(&of_text, &json!({"userId": user_id})).await;
        let contact = id.parse().unwrap();
        let hash = |n: usize| if equal { "same".to_owned() } else { format!("hash-{n}") };
        // Half of them come by the company's server, half by pages.
        let server = join_all((0..32).map(|n| {
            let (hash, app) = (hash(n), &identity.processes()[n % 2].app);
            async move { app.set_claim(of, contact, &hash, OWNER).await }
        }));
        let logins: Vec<_> = (32..64).map(hash).collect();
        let logins = identity
            .race(logins.iter().map(|hash| identity.request(Some(&user_id), Some(hash), "")));
        let (server, logins) = tokio::join!(server, logins);
        let mut winners: Vec<_> = (0..32).filter(|n| server[*n].is_ok()).collect();
        for refused in server.iter().filter_map(|tried| tried.as_ref().err()) {
            assert_eq!(refused.reason, Reason::ClaimExists);
        }
        let let_in: Vec<_> =
            (0..32).filter(|n| matches!(logins[*n], Outcome::Session(_))).map(|n| n + 32).collect();
        if equal {
            assert!(winners.len() <= 1, "a claim is made once");
            assert_eq!(let_in.len(), 32, "and the same one is right");
        } else {
            winners.extend(let_in);
            assert_eq!(winners.len(), 1);
        }
        for n in 0..64 {
            let right = equal || winners == [n];
            let outcome = identity.identify(Some(&user_id), Some(&hash(n)), "").await;
            assert_eq!(matches!(outcome, Outcome::Session(_)), right, "hash {n}");
        }
        assert_eq!(identity.audited(of, "claim.set").await, if equal { 2 } else { 1 });
    }
}
