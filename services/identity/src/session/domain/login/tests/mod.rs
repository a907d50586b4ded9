//! Decisions on logins. What a login does to the rows of other slices is tested on a database.

mod proofs;
mod properties;
mod visitors;

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};
use uuid::Uuid;

use super::*;
use crate::{
    contact::domain::{
        contact::Source,
        user_details::{UserClaims, UserDetails},
    },
    domain::keys::ServerKey,
};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn keys(names: &[&str]) -> ServerKeys {
    let key = |name: &&str| ServerKey::new((*name).to_owned(), name.as_bytes());
    ServerKeys::new(names.iter().map(key).collect()).unwrap()
}

fn organization() -> OrganizationId {
    OrganizationId(Uuid::from_u128(1))
}

fn login(user: &str, proof: Option<&str>) -> Login {
    let claims = UserClaims { security_hash: proof.map(Into::into), ..UserClaims::default() };
    let claims = UserClaims { user_id: Some(user.into()), ..claims };
    let details = UserDetails::parse(&claims).unwrap();
    Login {
        organization_id: organization(),
        application_id: ApplicationId(Uuid::from_u128(2)),
        user_id: details.user_id.unwrap(),
        proofs: details.proofs,
        profile: details.profile,
        warnings: details.warnings,
        device: None,
        context: Context { platform: "web".into(), ..Context::default() },
        now: NOW,
        new_contact: ContactId(Uuid::from_u128(100)),
        new_device: DeviceId(Uuid::from_u128(200)),
        new_visitor: ContactId(Uuid::from_u128(300)),
    }
}

fn token(device: u128, visitor: u128) -> DeviceToken {
    DeviceToken {
        organization_id: organization(),
        device_id: DeviceId(Uuid::from_u128(device)),
        visitor_id: ContactId(Uuid::from_u128(visitor)),
        clean: false,
        epoch: 0,
        issued: NOW.seconds(),
    }
}

fn visitor(id: u128) -> Contact {
    Contact::new(organization(), ContactId(Uuid::from_u128(id)), Source::Visitor, NOW)
}

fn accept(login: &Login, rows: &LoginRows) -> AcceptedLogin {
    match decide(login, rows, &keys(&["k"])) {
        Decision::Accepted(accepted) => *accepted,
        Decision::Rejected => panic!("rejected"),
    }
}

/// The rows after a login.
fn after(login: &AcceptedLogin) -> LoginRows {
    LoginRows {
        contact: Some(login.contact.clone()),
        device: Some(login.device.clone()),
        ..LoginRows::default()
    }
}

/// The token that a page sends, and what happened on its device since.
#[derive(Debug, Clone, Copy, PartialEq)]
enum PageToken {
    /// None, or one that is forged, of another organization, or a year old.
    NoToken,
    /// Of the first visitor of a device without a login.
    FirstVisitor,
    /// Issued with a rejection.
    Clean,
    /// The device logged out.
    Retired,
    /// Of a later visitor, while the same contact is logged in on the device.
    SameContact,
    /// The same, from before another contact was logged in on the device.
    OlderToken,
    /// Of a later visitor, while another contact is logged in on the device.
    OtherContact,
}

/// The token and row of device 7. Visitor 7 is its first one, visitor 8 a later one.
fn token_and_device(case: PageToken, known: &Contact) -> (Option<DeviceToken>, Option<Device>) {
    let device = |contact: u128, epoch: i64, retired: bool| Device {
        organization_id: organization(),
        id: DeviceId(Uuid::from_u128(7)),
        contact_id: (!retired).then(|| ContactId(Uuid::from_u128(contact))),
        epoch,
        platform: "web".into(),
        last_seen_at: NOW,
        retired,
    };
    let own = known.id.0.as_u128();
    match case {
        PageToken::NoToken => (None, None),
        PageToken::FirstVisitor => (Some(token(7, 7)), None),
        PageToken::Clean => (Some(DeviceToken { clean: true, ..token(7, 7) }), None),
        PageToken::Retired => (Some(token(7, 7)), Some(device(0, 1, true))),
        PageToken::SameContact => (Some(token(7, 8)), Some(device(own, 0, false))),
        PageToken::OlderToken => (Some(token(7, 8)), Some(device(own, 2, false))),
        PageToken::OtherContact => (Some(token(7, 8)), Some(device(99, 0, false))),
    }
}
