//! `ContactService`.

use onethread_errors::Result;
use onethread_grpc::{answer, id, organization_id, page_size};
use onethread_proto::identity::{self as wire, contact_service_server::ContactService};
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::convert::{changes, contact, name, operator, summary};
use crate::{
    contact::app::contacts::ContactQuery,
    grpc::{Handlers, json::from_wire},
    organization::grpc::audit::actor,
};

type Answer<T> = Result<Response<T>, Status>;

const CONTACT: &str = "contact_id";

#[tonic::async_trait]
impl ContactService for Handlers {
    async fn get_contact(
        &self,
        request: Request<wire::GetContactRequest>,
    ) -> Answer<wire::GetContactResponse> {
        let request = request.into_inner();
        let found = async {
            let organization = organization_id(&request.organization_id)?;
            self.app.contact(organization, id(CONTACT, &request.contact_id)?).await
        };
        answer(found.await.map(|(found, devices, events)| wire::GetContactResponse {
            contact: Some(contact(found, devices, events)),
        }))
    }

    async fn batch_get_contacts(
        &self,
        request: Request<wire::BatchGetContactsRequest>,
    ) -> Answer<wire::BatchGetContactsResponse> {
        let request = request.into_inner();
        let found = async {
            let organization = organization_id(&request.organization_id)?;
            let ids = request.contact_ids.iter().enumerate();
            let ids = ids.map(|(n, text)| id(&format!("contact_ids[{n}]"), text));
            self.app.batch_contacts(organization, ids.collect::<Result<_>>()?).await
        };
        answer(found.await.map(|found| wire::BatchGetContactsResponse {
            contacts: found.into_iter().map(name).collect(),
        }))
    }

    async fn list_contacts(
        &self,
        request: Request<wire::ListContactsRequest>,
    ) -> Answer<wire::ListContactsResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let size = page_size("page_size", request.page_size)?;
            self.app.list_contacts(organization, &request.order_by, size, &request.page_token).await
        };
        answer(page.await.map(|page| wire::ListContactsResponse {
            contacts: page.contacts.into_iter().map(summary).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn search_contacts(
        &self,
        request: Request<wire::SearchContactsRequest>,
    ) -> Answer<wire::SearchContactsResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let size = page_size("page_size", request.page_size)?;
            let conditions = request.filters.into_iter().map(|filter| {
                let value = filter.value.map_or(Value::Null, from_wire);
                (filter.field, operator(filter.operator), value)
            });
            let query = ContactQuery {
                words: request.query,
                conditions: conditions.collect(),
                include_visitors: request.include_visitors,
                order_by: request.order_by,
                page_token: request.page_token,
            };
            self.app.search_contacts(organization, query, size).await
        };
        answer(page.await.map(|page| wire::SearchContactsResponse {
            contacts: page.contacts.into_iter().map(summary).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn list_attribute_keys(
        &self,
        request: Request<wire::ListAttributeKeysRequest>,
    ) -> Answer<wire::ListAttributeKeysResponse> {
        let keys = async {
            let organization = organization_id(&request.get_ref().organization_id)?;
            self.app.attribute_keys(organization).await
        };
        answer(keys.await.map(|keys| wire::ListAttributeKeysResponse { keys }))
    }

    async fn upsert_contact(
        &self,
        request: Request<wire::UpsertContactRequest>,
    ) -> Answer<wire::UpsertContactResponse> {
        let request = request.into_inner();
        let stored = async {
            let organization = organization_id(&request.organization_id)?;
            let changes = changes(request.changes);
            self.app.upsert_contact(organization, actor(request.actor)?, &changes).await
        };
        answer(stored.await.map(|(stored, created)| wire::UpsertContactResponse {
            contact: Some(summary(stored)),
            created,
        }))
    }

    async fn update_contact(
        &self,
        request: Request<wire::UpdateContactRequest>,
    ) -> Answer<wire::UpdateContactResponse> {
        let request = request.into_inner();
        let changed = async {
            let organization = organization_id(&request.organization_id)?;
            let contact = id(CONTACT, &request.contact_id)?;
            // Only checked: changes of a profile are not in the audit log.
            actor(request.actor)?;
            self.app.update_contact(organization, contact, &changes(request.changes)).await?;
            self.app.contact(organization, contact).await
        };
        answer(changed.await.map(|(changed, devices, events)| wire::UpdateContactResponse {
            contact: Some(contact(changed, devices, events)),
        }))
    }

    async fn delete_contact(
        &self,
        request: Request<wire::DeleteContactRequest>,
    ) -> Answer<wire::DeleteContactResponse> {
        let request = request.into_inner();
        let erased = async {
            let organization = organization_id(&request.organization_id)?;
            let contact = id(CONTACT, &request.contact_id)?;
            self.app.erase_contact(organization, contact, actor(request.actor)?).await
        };
        answer(erased.await.map(|()| wire::DeleteContactResponse {}))
    }

    async fn merge_contacts(
        &self,
        request: Request<wire::MergeContactsRequest>,
    ) -> Answer<wire::MergeContactsResponse> {
        let request = request.into_inner();
        let merged = async {
            let organization = organization_id(&request.organization_id)?;
            let source = id("source_contact_id", &request.source_contact_id)?;
            let target = id("target_contact_id", &request.target_contact_id)?;
            let actor = actor(request.actor)?;
            self.app
                .merge_contacts(organization, source, target, request.validate_only, actor)
                .await
        };
        answer(merged.await.map(|(merged, devices, events)| wire::MergeContactsResponse {
            contact: Some(contact(merged, devices, events)),
        }))
    }

    async fn set_security_hash(
        &self,
        request: Request<wire::SetSecurityHashRequest>,
    ) -> Answer<wire::SetSecurityHashResponse> {
        let request = request.into_inner();
        let set = async {
            let organization = organization_id(&request.organization_id)?;
            let contact = id(CONTACT, &request.contact_id)?;
            self.app
                .set_claim(organization, contact, &request.security_hash, actor(request.actor)?)
                .await
        };
        answer(set.await.map(|()| wire::SetSecurityHashResponse {}))
    }

    async fn delete_security_hash(
        &self,
        request: Request<wire::DeleteSecurityHashRequest>,
    ) -> Answer<wire::DeleteSecurityHashResponse> {
        let request = request.into_inner();
        let reset = async {
            let organization = organization_id(&request.organization_id)?;
            let contact = id(CONTACT, &request.contact_id)?;
            self.app.reset_claim(organization, contact, request.reason, actor(request.actor)?).await
        };
        answer(reset.await.map(|()| wire::DeleteSecurityHashResponse {}))
    }
}
