//! Blocked addresses on a real database, through the service's own calls.

use onethread_core::{BlockedAddressId, OrganizationId, SystemEntropy, Timestamp, new_uuid};
use onethread_grpc::Peer;
use onethread_proto::identity::{
    self as wire, blocked_address_service_client::BlockedAddressServiceClient,
    session_service_client::SessionServiceClient,
};
use onethread_testing::ScratchDatabase;
use tonic::Code;
use uuid::Uuid;

use crate::{
    organization::{domain::blocked_address::BlockedAddress, store::blocked_addresses},
    session::store::revocations,
    testing::{Identity, identity, owner},
};

onethread_testing::on_each_database! {
    crate::MIGRATIONS:
    widgets_at_a_blocked_address_are_rejected,
    a_network_is_blocked_once_and_only_in_its_organization,
    a_thousand_addresses_can_be_blocked,
}

struct Fixture {
    identity: Identity,
}

impl Fixture {
    fn client(&self) -> BlockedAddressServiceClient<Peer> {
        BlockedAddressServiceClient::new(self.identity.service.peer())
    }

    async fn block(
        &self,
        address: &str,
        reason: &str,
    ) -> Result<(wire::BlockedAddress, bool), Code> {
        let request = wire::CreateBlockedAddressRequest {
            organization_id: self.identity.organization_id.clone(),
            address: address.to_owned(),
            reason: reason.to_owned(),
            actor: owner(),
        };
        let blocked = self.client().create_blocked_address(request).await;
        let blocked = blocked.map_err(|status| status.code())?.into_inner();
        Ok((blocked.blocked_address.unwrap(), !blocked.created))
    }

    async fn unblock(&self, organization: &str, id: &str) -> Result<(), Code> {
        let request = wire::DeleteBlockedAddressRequest {
            organization_id: organization.to_owned(),
            blocked_address_id: id.to_owned(),
            actor: owner(),
        };
        let gone = self.client().delete_blocked_address(request).await;
        gone.map(drop).map_err(|status| status.code())
    }

    async fn list(&self, page_size: i32) -> Vec<wire::BlockedAddress> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let organization_id = self.identity.organization_id.clone();
            let request =
                wire::ListBlockedAddressesRequest { organization_id, page_size, page_token };
            let page = self.client().list_blocked_addresses(request).await.unwrap().into_inner();
            all.extend(page.blocked_addresses);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    /// An init of an unknown user, from this address.
    async fn start(&self, user_id: &str, address: &str) -> Result<(), (Code, String)> {
        let mut request = self.identity.request(Some(user_id), None, "");
        request.client_address = address.to_owned();
        let started = self.identity.sessions().identify(request).await;
        started.map(drop).map_err(|status| (status.code(), status.message().to_owned()))
    }

    /// A call with this token from this address, to the other process.
    async fn call(&self, token: &str, address: &str) -> Result<(), Code> {
        let request = wire::AuthenticateRequest {
            credential: token.to_owned(),
            client_address: address.to_owned(),
            ..Default::default()
        };
        let mut client = SessionServiceClient::new(self.identity.other.peer());
        client.authenticate(request).await.map(drop).map_err(|status| status.code())
    }
}

async fn widgets_at_a_blocked_address_are_rejected(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let person = fixture.identity.start_session(Some("known"), None, "").await;
    let visitor = fixture.identity.start_session(None, None, "").await;
    let (address, _) = fixture.block("192.0.2.7", "spam").await.unwrap();
    fixture.block("2001:db8::/32", "").await.unwrap();
    let blocked = ["192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1:2::3"];
    for from in blocked {
        let (code, detail) = fixture.start("new", from).await.unwrap_err();
        assert_eq!((code, detail.contains("address")), (Code::PermissionDenied, true), "{from}");
        for token in [&person.token, &visitor.token] {
            assert_eq!(fixture.call(token, from).await, Err(Code::PermissionDenied), "{from}");
        }
        // Servers and agents are not affected.
        assert_eq!(fixture.call(&fixture.identity.api_key, from).await, Ok(()));
    }
    let contacts = wire::ListContactsRequest {
        organization_id: fixture.identity.organization_id.clone(),
        ..wire::ListContactsRequest::default()
    };
    let contacts = fixture.identity.contacts().list_contacts(contacts).await.unwrap().into_inner();
    assert_eq!(contacts.contacts.len(), 1, "a rejected init writes nothing");
    for from in ["192.0.2.8", "2001:db9::1", ""] {
        assert_eq!(fixture.call(&person.token, from).await, Ok(()), "{from}");
    }
    assert_eq!(fixture.call(&person.token, "nowhere").await, Err(Code::InvalidArgument));

    fixture.unblock(&fixture.identity.organization_id, &address.id).await.unwrap();
    assert_eq!(fixture.call(&person.token, "192.0.2.7").await, Ok(()));
    fixture.start("new", "192.0.2.7").await.unwrap();
}

async fn a_network_is_blocked_once_and_only_in_its_organization(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let (first, known) = fixture.block("192.0.2.9/24", "spam").await.unwrap();
    assert_eq!((&*first.address, known), ("192.0.2.0/24", false));
    let (again, known) = fixture.block("::ffff:192.0.2.200/120", "worse").await.unwrap();
    assert_eq!((&again.id, &*again.reason, known), (&first.id, "worse", true));
    for (address, reason) in [("example.com", ""), ("0.0.0.0/0", ""), ("10.0.0.1", "a\0b")] {
        assert_eq!(fixture.block(address, reason).await.unwrap_err(), Code::InvalidArgument);
    }
    let (second, _) = fixture.block("10.0.0.1", &"x".repeat(1024)).await.unwrap();
    assert_eq!(fixture.list(1).await, [again, second.clone()]);
    let foreign = Uuid::from_u128(9).to_string();
    assert_eq!(fixture.unblock(&foreign, &second.id).await, Err(Code::NotFound));
    assert_eq!(
        fixture.unblock(&fixture.identity.organization_id, &foreign).await,
        Err(Code::NotFound)
    );
    assert_eq!(fixture.unblock(&fixture.identity.organization_id, &second.id).await, Ok(()));
    assert_eq!(
        fixture.unblock(&fixture.identity.organization_id, &second.id).await,
        Err(Code::NotFound)
    );

    // Blocking is audited, and open streams are checked again.
    let organization: OrganizationId = fixture.identity.organization_id.parse().unwrap();
    let mut conn = fixture.identity.service.app.db.reader("test").await.unwrap();
    let revocations = revocations::since(&mut conn, Timestamp::from_micros(1)).await.unwrap();
    assert_eq!(revocations.iter().filter(|entry| entry.subject_id == organization.0).count(), 2);
    let size = onethread_core::PageSize::DEFAULT;
    let (entries, _) = fixture.identity.service.app.audit(organization, size, "").await.unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["address.unblock", "address.block", "address.block", "address.block"]);
    assert!(entries.iter().all(|entry| entry.detail.is_empty()));
}

async fn a_thousand_addresses_can_be_blocked(scratch: ScratchDatabase) {
    let fixture = Fixture { identity: identity(scratch).await };
    let organization: OrganizationId = fixture.identity.organization_id.parse().unwrap();
    let db = fixture.identity.service.db.clone();
    let mut conn = db.writer("fill").await.unwrap();
    for n in 1..1000 {
        let at = Timestamp::from_micros(n);
        let id = BlockedAddressId(new_uuid(at, &SystemEntropy));
        let network = format!("2001:db8::{n:x}");
        let address = BlockedAddress { id, network, reason: String::new(), created_at: at };
        blocked_addresses::insert(&mut conn, organization, &address).await.unwrap();
    }
    drop(conn);
    let (one, other) = tokio::join!(fixture.block("10.0.0.1", ""), fixture.block("10.0.0.2", ""));
    let full = Err(Code::FailedPrecondition);
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1);
    assert_eq!(fixture.block("10.0.0.3", "").await, full);
    assert!(fixture.block("2001:db8::1", "known").await.unwrap().1);
    assert_eq!(fixture.list(200).await.len(), 1000);
    assert_eq!(fixture.start("new", "2001:db8::3e7").await.unwrap_err().0, Code::PermissionDenied);
}
