//! Calls of the contact service.

use onethread_proto::identity as wire;
use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::Value as Json;
use tonic::{Code, Status};

use super::{Identity, server};

/// A value as protobuf carries it.
pub(crate) fn json_value(value: &Json) -> Value {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(values) => {
            Kind::ListValue(ListValue { values: values.iter().map(json_value).collect() })
        }
        Json::Object(members) => Kind::StructValue(Struct {
            fields: members.iter().map(|(key, value)| (key.clone(), json_value(value))).collect(),
        }),
    };
    Value { kind: Some(kind) }
}

fn changes(fields: &Json) -> wire::ContactChanges {
    let field = |name: &str| fields.get(name).map(json_value);
    wire::ContactChanges {
        user: Some(wire::UserClaims {
            user_id: field("userId"),
            email: field("email"),
            name: field("name"),
            phone: field("phone"),
            company: field("company"),
            custom_data: field("customData"),
            ..Default::default()
        }),
        tags: field("tags"),
        blocked: field("blocked"),
    }
}

impl Identity {
    /// All contacts, read in pages.
    pub(crate) async fn list_contacts(
        &self,
        organization: &str,
        order_by: &str,
        page_size: i32,
    ) -> Vec<wire::Contact> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = wire::ListContactsRequest {
                organization_id: organization.to_owned(),
                order_by: order_by.to_owned(),
                page_size,
                page_token,
            };
            let page = self.contacts().list_contacts(request).await.unwrap().into_inner();
            all.extend(page.contacts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    pub(crate) async fn upsert(
        &self,
        organization: &str,
        fields: &Json,
    ) -> Result<wire::UpsertContactResponse, Status> {
        let request = wire::UpsertContactRequest {
            organization_id: organization.to_owned(),
            actor: server(),
            changes: Some(changes(fields)),
        };
        Ok(self.contacts().upsert_contact(request).await?.into_inner())
    }

    /// A new contact's id.
    pub(crate) async fn create(&self, organization: &str, fields: &Json) -> String {
        let created = self.upsert(organization, fields).await.unwrap();
        created.contact.unwrap().person.unwrap().id
    }

    pub(crate) async fn update(
        &self,
        organization: &str,
        id: &str,
        fields: &Json,
    ) -> Result<wire::Contact, Status> {
        let request = wire::UpdateContactRequest {
            organization_id: organization.to_owned(),
            contact_id: id.to_owned(),
            changes: Some(changes(fields)),
            actor: server(),
        };
        Ok(self.contacts().update_contact(request).await?.into_inner().contact.unwrap())
    }

    pub(crate) async fn get(&self, organization: &str, id: &str) -> Result<wire::Contact, Status> {
        let request = wire::GetContactRequest {
            organization_id: organization.to_owned(),
            contact_id: id.to_owned(),
        };
        Ok(self.contacts().get_contact(request).await?.into_inner().contact.unwrap())
    }

    pub(crate) async fn erase(&self, organization: &str, id: &str) -> Result<(), Status> {
        let request = wire::DeleteContactRequest {
            organization_id: organization.to_owned(),
            contact_id: id.to_owned(),
            actor: server(),
        };
        self.contacts().delete_contact(request).await.map(drop)
    }

    /// Stores the visitor of a session, as a first message does.
    pub(crate) async fn admit(&self, session: &wire::Session) -> Result<(), Code> {
        let request =
            wire::AdmitVisitorRequest { token: session.token.clone(), ..Default::default() };
        self.visitors().admit_visitor(request).await.map(drop).map_err(|status| status.code())
    }

    pub(crate) async fn record_first_message(&self, organization: &str, id: &str) {
        let request = wire::RecordFirstMessageRequest {
            organization_id: organization.to_owned(),
            contact_id: id.to_owned(),
        };
        self.facts().record_first_message(request).await.unwrap();
    }
}
