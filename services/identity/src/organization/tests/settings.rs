//! Changes of settings in several processes.

use futures::future::join_all;
use onethread_core::OrganizationId;
use onethread_errors::Reason;
use onethread_proto::identity::{
    self as wire, identify_response::Outcome,
    organization_service_client::OrganizationServiceClient,
};
use onethread_testing::ScratchDatabase;
use tonic::Code;
use uuid::Uuid;

use super::OWNER;
use crate::{
    organization::domain::{policy::Policy, settings::SettingsPatch},
    testing::{identity, owner},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    a_policy_applies_in_every_process_at_once,
    an_unknown_organization_is_not_found,
    a_session_that_a_policy_ended_stays_ended,
    an_organization_s_old_name_is_not_given_to_another,
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
}

async fn an_unknown_organization_is_not_found(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let mut client = OrganizationServiceClient::new(identity.service.peer());
    let unknown = Uuid::from_u128(5).to_string();
    let get = wire::GetOrganizationRequest { organization_id: unknown.clone() };
    assert_eq!(client.get_organization(get).await.unwrap_err().code(), Code::NotFound);
    let update = wire::UpdateOrganizationRequest {
        organization_id: unknown,
        organization: Some(wire::Organization { report_only: true, ..Default::default() }),
        update_mask: None,
        actor: owner(),
    };
    assert_eq!(client.update_organization(update).await.unwrap_err().code(), Code::NotFound);
}

async fn a_session_that_a_policy_ended_stays_ended(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = OrganizationId(identity.organization_id.parse().unwrap());
    let set = async |policy| {
        let patch = SettingsPatch { policy: Some(policy), ..SettingsPatch::default() };
        identity.service.app.change_settings(organization, patch, OWNER).await.unwrap();
    };
    let unproven = identity.start_session(Some("u"), None, "").await.token;
    let proven = identity.start_session(Some("p"), Some("hash"), "").await.token;
    set(Policy::SecurityHash).await;
    assert_eq!(identity.authenticate(&unproven).await.unwrap_err(), Code::Unauthenticated);
    identity.authenticate(&proven).await.unwrap();
    set(Policy::Optional).await;
    assert_eq!(identity.authenticate(&unproven).await.unwrap_err(), Code::Unauthenticated);
    identity.authenticate(&proven).await.unwrap();
    let later = identity.start_session(Some("u"), None, "").await.token;
    identity.authenticate(&later).await.unwrap();
}

async fn an_organization_s_old_name_is_not_given_to_another(scratch: ScratchDatabase) {
    let identity = identity(scratch).await;
    let organization = OrganizationId(identity.organization_id.parse().unwrap());
    let app = &identity.service.app;
    let rename = async |organization, name: &str| {
        let patch = SettingsPatch { name: Some(name.to_owned()), ..SettingsPatch::default() };
        app.change_settings(organization, patch, OWNER).await.map(|settings| settings.name)
    };
    let create = async |name: &str| {
        let password = "a long password".to_owned().into();
        app.create_organization(name.to_owned(), "a@b.example", password).await
    };
    let old = identity.organization.clone();
    rename(organization, "new.example").await.unwrap();
    assert_eq!(create(&old).await.unwrap_err().reason, Reason::OrganizationExists);
    let other = create("other.example").await.unwrap().application.organization_id;
    assert_eq!(rename(other, &old).await.unwrap_err().reason, Reason::OrganizationExists);
    assert_eq!(app.settings(other).await.unwrap().name, "other.example");
    // Its own old name it may take again.
    assert_eq!(rename(organization, &old).await.unwrap(), old);
}
