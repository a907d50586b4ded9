//! `ConversationFactService`.

use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, optional_id, organization_id, to_timestamp};
use onethread_proto::identity::{
    self as wire, conversation_fact_service_server::ConversationFactService,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    grpc::Handlers,
    webhook::domain::conversation_event::{ConversationEvent, ConversationEventKind},
};

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ConversationFactService for Handlers {
    async fn record_first_message(
        &self,
        request: Request<wire::RecordFirstMessageRequest>,
    ) -> Answer<wire::RecordFirstMessageResponse> {
        let request = request.into_inner();
        let recorded = async {
            let organization = organization_id(&request.organization_id)?;
            self.app
                .record_first_message(organization, id("contact_id", &request.contact_id)?)
                .await
        };
        answer(recorded.await.map(|()| wire::RecordFirstMessageResponse {}))
    }

    async fn record_fact(
        &self,
        request: Request<wire::RecordFactRequest>,
    ) -> Answer<wire::RecordFactResponse> {
        let request = request.into_inner();
        let recorded = async {
            let organization = organization_id(&request.organization_id)?;
            self.app.record_conversation_event(organization, request.try_into()?).await
        };
        answer(recorded.await.map(|()| wire::RecordFactResponse {}))
    }
}

impl TryFrom<wire::RecordFactRequest> for ConversationEvent {
    type Error = Error;

    fn try_from(request: wire::RecordFactRequest) -> Result<Self> {
        use wire::record_fact_request::Fact as Wire;
        let uuid = |field, text: &str| {
            Uuid::parse_str(text).map_err(|_| Error::invalid(field, "is not a UUID"))
        };
        let kind = match request.fact {
            Some(Wire::MessageCreated(message)) => ConversationEventKind::Message {
                seq: message.seq,
                prev_seq: message.prev_seq,
                agent: message
                    .agent_id
                    .map(|id| uuid("message_created.agent_id", &id))
                    .transpose()?,
                client_message_id: uuid(
                    "message_created.client_message_id",
                    &message.client_message_id,
                )?,
                text: message.text,
            },
            Some(Wire::ConversationClosed(closed)) => ConversationEventKind::Closed {
                last_seq: closed.last_seq,
                assignee: optional_id(
                    "conversation_closed.assignee_id",
                    closed.assignee_id.as_deref(),
                )?,
                by: uuid("conversation_closed.closed_by", &closed.closed_by)?,
            },
            None => return Err(Error::invalid("fact", "is missing")),
        };
        let at = request.happened_at.as_ref().map(to_timestamp);
        Ok(Self {
            id: uuid("id", &request.id)?,
            contact: id("conversation_id", &request.conversation_id)?,
            at: at.ok_or_else(|| Error::invalid("happened_at", "is missing"))?,
            kind,
        })
    }
}
