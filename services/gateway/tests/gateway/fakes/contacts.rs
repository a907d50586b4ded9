//! Identity's contacts.

use onethread_errors::{Error, Reason};
use onethread_proto::identity::{contact_service_server::ContactService, *};
use prost_types::{Struct, Value, value::Kind};
use tonic::{Request, Response, Status};

use super::{Answer, Fake};
use crate::support::{self, CONTACT, at, id};

#[tonic::async_trait]
impl ContactService for Fake {
    async fn get_contact(&self, request: Request<GetContactRequest>) -> Answer<GetContactResponse> {
        if request.into_inner().contact_id != CONTACT {
            return Err(Error::not_found().into());
        }
        Ok(Response::new(GetContactResponse { contact: Some(contact()) }))
    }

    async fn batch_get_contacts(
        &self,
        request: Request<BatchGetContactsRequest>,
    ) -> Answer<BatchGetContactsResponse> {
        let ids = request.into_inner().contact_ids.into_iter();
        let contact = |id| Contact {
            person: Some(Person { id, name: "Ann".to_owned(), ..Person::default() }),
            ..Contact::default()
        };
        Ok(Response::new(BatchGetContactsResponse { contacts: ids.map(contact).collect() }))
    }

    async fn list_contacts(
        &self,
        request: Request<ListContactsRequest>,
    ) -> Answer<ListContactsResponse> {
        let next_page_token = request.into_inner().page_size.to_string();
        Ok(Response::new(ListContactsResponse { contacts: vec![contact()], next_page_token }))
    }

    async fn search_contacts(
        &self,
        _: Request<SearchContactsRequest>,
    ) -> Answer<SearchContactsResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn list_attribute_keys(
        &self,
        _: Request<ListAttributeKeysRequest>,
    ) -> Answer<ListAttributeKeysResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn upsert_contact(
        &self,
        _: Request<UpsertContactRequest>,
    ) -> Answer<UpsertContactResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn update_contact(
        &self,
        _: Request<UpdateContactRequest>,
    ) -> Answer<UpdateContactResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn delete_contact(
        &self,
        _: Request<DeleteContactRequest>,
    ) -> Answer<DeleteContactResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn merge_contacts(
        &self,
        request: Request<MergeContactsRequest>,
    ) -> Answer<MergeContactsResponse> {
        let MergeContactsRequest { source_contact_id, target_contact_id, validate_only, .. } =
            request.into_inner();
        if !validate_only && source_contact_id == target_contact_id {
            return Err(Error::new(Reason::TwoUserIds).into());
        }
        let id = Some(Person { id: target_contact_id, ..support::session(true).person.unwrap() });
        let contact = Contact { person: id, ..contact() };
        Ok(Response::new(MergeContactsResponse { contact: Some(contact) }))
    }

    async fn set_security_hash(
        &self,
        request: Request<SetSecurityHashRequest>,
    ) -> Answer<SetSecurityHashResponse> {
        match request.into_inner().security_hash.as_str() {
            "claimed" => Err(Error::new(Reason::ClaimExists).into()),
            "visitor" => Err(Error::new(Reason::NoUserId).into()),
            _ => Ok(Response::new(SetSecurityHashResponse {})),
        }
    }

    async fn delete_security_hash(
        &self,
        request: Request<DeleteSecurityHashRequest>,
    ) -> Answer<DeleteSecurityHashResponse> {
        assert_eq!(request.into_inner().reason, "lost");
        Ok(Response::new(DeleteSecurityHashResponse {}))
    }
}

fn contact() -> Contact {
    let custom_data =
        [("plan", Kind::StringValue("pro".to_owned())), ("age", Kind::NumberValue(3.5))];
    let fields = custom_data.map(|(key, kind)| (key.to_owned(), Value { kind: Some(kind) }));
    let person = Person {
        id: CONTACT.to_owned(),
        user_id: Some("u".to_owned()),
        name: "Ann".to_owned(),
        custom_data: Some(Struct { fields: fields.into_iter().collect() }),
        ..Person::default()
    };
    let device = Device { id: id(4), platform: Platform::Web.into(), last_seen_at: at() };
    Contact {
        person: Some(person),
        source: ContactSource::PreChat.into(),
        verification: ContactVerification::SecurityHash.into(),
        page: Some(WebPage { url: "https://shop.example/".to_owned(), ..WebPage::default() }),
        devices: vec![device],
        created_at: at(),
        ..Contact::default()
    }
}
