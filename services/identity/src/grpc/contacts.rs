//! `ContactService`.

use std::pin::Pin;

use futures::Stream;
use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, log_failure, page_size};
use onethread_proto::identity::{self as wire, contact_service_server::ContactService};
use tonic::{Request, Response, Status, Streaming};

use super::{
    Handlers,
    convert::{contact, context, person, user_claims},
};

type Answer<T> = Result<Response<T>, Status>;

const ORGANIZATION: &str = "/organizationId";
const CONTACT: &str = "/contactId";

#[tonic::async_trait]
impl ContactService for Handlers {
    async fn get_contact(
        &self,
        request: Request<wire::GetContactRequest>,
    ) -> Answer<wire::GetContactResponse> {
        let request = request.into_inner();
        let found = async {
            let of = id(ORGANIZATION, &request.organization_id)?;
            self.app.contact(of, id(CONTACT, &request.contact_id)?).await
        };
        answer(found.await.map(|(found, devices)| wire::GetContactResponse {
            contact: Some(contact(found, devices)),
        }))
    }

    async fn batch_get_contacts(
        &self,
        request: Request<wire::BatchGetContactsRequest>,
    ) -> Answer<wire::BatchGetContactsResponse> {
        let request = request.into_inner();
        let found = async {
            let of = id(ORGANIZATION, &request.organization_id)?;
            let ids = request.contact_ids.iter().map(|text| id("/contactIds", text));
            self.app.batch_contacts(of, ids.collect::<Result<_>>()?).await
        };
        answer(found.await.map(|found| wire::BatchGetContactsResponse {
            contacts: found.into_iter().map(|found| contact(found, Vec::new())).collect(),
        }))
    }

    async fn list_contacts(
        &self,
        request: Request<wire::ListContactsRequest>,
    ) -> Answer<wire::ListContactsResponse> {
        let request = request.into_inner();
        let page = async {
            let of = id(ORGANIZATION, &request.organization_id)?;
            let size = page_size("/limit", request.page_size)?;
            self.app.list_contacts(of, &request.sort, size, &request.page_token).await
        };
        answer(page.await.map(|page| wire::ListContactsResponse {
            contacts: page.contacts.into_iter().map(|found| contact(found, Vec::new())).collect(),
            next_page_token: page.next_page_token,
        }))
    }

    async fn update_own_profile(
        &self,
        request: Request<wire::UpdateOwnProfileRequest>,
    ) -> Answer<wire::UpdateOwnProfileResponse> {
        let request = request.into_inner();
        let user = user_claims(request.user);
        let updated = self.app.update_own_profile(&request.token, &user).await;
        answer(updated.map(|(updated, warnings)| wire::UpdateOwnProfileResponse {
            person: Some(person(&updated)),
            warnings: warnings.into_iter().map(Into::into).collect(),
        }))
    }

    async fn admit_visitor(
        &self,
        request: Request<wire::AdmitVisitorRequest>,
    ) -> Answer<wire::AdmitVisitorResponse> {
        let request = request.into_inner();
        let admitted = async {
            let context = context(request.context)?;
            self.app.admit(&request.token, user_claims(request.user), context).await
        };
        answer(
            admitted
                .await
                .map(|visitor| wire::AdmitVisitorResponse { person: Some(person(&visitor)) }),
        )
    }

    async fn record_first_message(
        &self,
        request: Request<wire::RecordFirstMessageRequest>,
    ) -> Answer<wire::RecordFirstMessageResponse> {
        let request = request.into_inner();
        let recorded = async {
            let of = id(ORGANIZATION, &request.organization_id)?;
            self.app.record_first_message(of, id(CONTACT, &request.contact_id)?).await
        };
        answer(recorded.await.map(|()| wire::RecordFirstMessageResponse {}))
    }

    type ImportContactsStream =
        Pin<Box<dyn Stream<Item = Result<wire::ImportContactsResponse, Status>> + Send>>;

    async fn import_contacts(
        &self,
        request: Request<Streaming<wire::ImportContactsRequest>>,
    ) -> Answer<Self::ImportContactsStream> {
        let mut batches = request.into_inner();
        let handlers = self.clone();
        let stream = async_stream::try_stream! {
            while let Some(batch) = batches.message().await? {
                yield handlers.import(batch).await.map_err(|error: Error| {
                    log_failure(&error);
                    Status::from(error)
                })?;
            }
        };
        Ok(Response::new(Box::pin(stream)))
    }
}

impl Handlers {
    async fn import(
        &self,
        batch: wire::ImportContactsRequest,
    ) -> Result<wire::ImportContactsResponse> {
        let of = id(ORGANIZATION, &batch.organization_id)?;
        let import = id("/importId", &batch.import_id)?;
        let number = batch.batch_number;
        if number < 1 {
            return Err(Error::invalid("/batchNumber", "is below 1"));
        }
        let rows = batch.rows.into_iter().map(Into::into).collect();
        let results = self.app.import_batch(of, import, number, rows).await?;
        Ok(wire::ImportContactsResponse {
            batch_number: number,
            results: results.into_iter().map(Into::into).collect(),
        })
    }
}
