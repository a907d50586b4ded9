//! Changes of settings in several processes.

use futures::future::join_all;
use onethread_core::OrganizationId;
use onethread_proto::identity::identify_response::Outcome;
use onethread_testing::ScratchDatabase;
use uuid::Uuid;

use super::OWNER;
use crate::{
    organization::domain::{policy::Policy, settings::SettingsPatch},
    testing::identity,
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_policy_applies_in_every_process_at_once,
}

async fn a_policy_applies_in_every_process_at_once(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = OrganizationId(identity.organization_id.parse().unwrap());
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
        let changed =
            identity.service.app.change_settings(organization, patch.clone(), OWNER).await.unwrap();
        for process in identity.processes() {
            let settings = process.app.settings(organization).await.unwrap();
            assert_eq!(settings, changed);
            assert_eq!((settings.policy, settings.enforced()), (policy, enforced));
            assert_eq!(settings.name, identity.organization);
        }
        // The same settings again are no change.
        let before = identity.count_audited("organization.change").await;
        identity.other.app.change_settings(organization, patch, OWNER).await.unwrap();
        assert_eq!(identity.count_audited("organization.change").await, before);
        let outcome = identity.identify(Some("u"), None, "").await;
        let is_accepted = matches!(outcome, Outcome::Session(_));
        assert_eq!(is_accepted, enforced == Policy::Optional, "{policy:?}");
    }
    // Calls at the same time that change different settings keep each other's changes.
    let changes = (0..16).map(|n| {
        let patch = if n % 2 == 0 {
            SettingsPatch { policy: Some(Policy::Jwt), ..SettingsPatch::default() }
        } else {
            SettingsPatch { report_only: Some(true), ..SettingsPatch::default() }
        };
        identity.processes()[n % 2].app.change_settings(organization, patch, OWNER)
    });
    for changed in join_all(changes).await {
        changed.unwrap();
    }
    let settings = identity.service.app.settings(organization).await.unwrap();
    assert_eq!((settings.policy, settings.report_only), (Policy::Jwt, true));
    // An unknown organization has no settings.
    let unknown = OrganizationId(Uuid::from_u128(5));
    assert!(identity.service.app.settings(unknown).await.is_err());
}
