//! Batches of imported rows.

use onethread_proto::identity::{
    self as wire, contact_import_service_client::ContactImportServiceClient,
};
use uuid::Uuid;

use super::Identity;

pub(crate) fn import_row(line: i64, user_id: &str, email: &str, name: &str) -> wire::ImportRow {
    wire::ImportRow {
        line,
        user_id: user_id.to_owned(),
        email: email.to_owned(),
        name: name.to_owned(),
        ..Default::default()
    }
}

impl Identity {
    /// Imports one batch. Returns the outcome of each row.
    pub(crate) async fn import(
        &self,
        organization: &str,
        batch_number: i64,
        rows: Vec<wire::ImportRow>,
    ) -> Vec<wire::ImportOutcome> {
        let batch = wire::ImportContactsRequest {
            organization_id: organization.to_owned(),
            import_id: Uuid::from_u128(77).to_string(),
            batch_number,
            rows,
            close: false,
        };
        let response = self.import_batch(batch).await;
        response.results.iter().map(wire::ImportRowResult::outcome).collect()
    }

    pub(crate) async fn import_batch(
        &self,
        batch: wire::ImportContactsRequest,
    ) -> wire::ImportContactsResponse {
        let batches = futures::stream::iter([batch]);
        let mut contacts = ContactImportServiceClient::new(self.service.peer());
        let responses = contacts.import_contacts(batches).await.unwrap();
        responses.into_inner().message().await.unwrap().unwrap()
    }
}
