//! The RPCs. Each one converts its request, calls its use case, and converts the answer.

use futures::{StreamExt, stream::BoxStream};
use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, log_failure, page_size};
use onethread_proto::conversation::{
    DeleteConversationRequest, DeleteConversationResponse, GetConversationRequest,
    GetConversationResponse, ListConversationsRequest, ListConversationsResponse,
    ListMessagesRequest, ListMessagesResponse, MarkReadRequest, MarkReadResponse,
    MergeConversationsRequest, MergeConversationsResponse, SendMessageRequest, SendMessageResponse,
    SetInterestRequest, SetInterestResponse, SetTypingRequest, SetTypingResponse, SubscribeRequest,
    SubscribeResponse, UpdateConversationRequest, UpdateConversationResponse,
    conversation_service_server::ConversationService,
    conversation_sync_service_server::ConversationSyncService,
    stream_service_server::StreamService,
};
use tonic::{Request, Response, Status, Streaming};

use super::convert;
use crate::{app::App, domain::Side, live::Command};

/// The services of the package.
#[derive(Clone)]
pub(crate) struct Handlers(App);

impl Handlers {
    pub(crate) fn new(app: App) -> Self {
        Self(app)
    }

    async fn send(&self, request: SendMessageRequest) -> Result<SendMessageResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let sent = self.0.send_message(organization, request.try_into()?).await?;
        Ok(sent.into())
    }

    async fn page(&self, request: ListMessagesRequest) -> Result<ListMessagesResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let conversation = convert::conversation(&request.conversation_id)?;
        let side = convert::side(request.side)?;
        let size = page_size("page_size", request.page_size)?;
        let position = convert::position(request.position);
        let history =
            self.0.list_messages(organization, conversation, side, position, size).await?;
        Ok(convert::history(history, side))
    }

    async fn list(&self, request: ListConversationsRequest) -> Result<ListConversationsResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let input = convert::list_input(&request)?;
        Ok(self.0.list_conversations(organization, input, &request.page_token).await?.into())
    }

    async fn get(&self, request: GetConversationRequest) -> Result<GetConversationResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let conversation = convert::conversation(&request.conversation_id)?;
        let side = convert::side(request.side)?;
        let summary = self.0.get_conversation(organization, conversation, side).await?;
        Ok(GetConversationResponse { conversation: Some(convert::summary(summary, side)) })
    }

    async fn mark(&self, request: MarkReadRequest) -> Result<MarkReadResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let conversation = convert::conversation(&request.conversation_id)?;
        let side = convert::side(request.side)?;
        if request.seq < 0 {
            return Err(Error::invalid("seq", "is below 0"));
        }
        let seq = self.0.mark_read(organization, conversation, side, request.seq).await?;
        Ok(MarkReadResponse { seq })
    }

    async fn update(
        &self,
        request: UpdateConversationRequest,
    ) -> Result<UpdateConversationResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let summary = self.0.update_conversation(organization, request.try_into()?).await?;
        let conversation = Some(convert::summary(summary, Side::Agent));
        Ok(UpdateConversationResponse { conversation })
    }

    async fn typing(&self, request: SetTypingRequest) -> Result<SetTypingResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let conversation = convert::conversation(&request.conversation_id)?;
        let side = convert::side(request.side)?;
        self.0.set_typing(organization, conversation, side, request.typing).await?;
        Ok(SetTypingResponse {})
    }

    async fn merge(
        &self,
        request: MergeConversationsRequest,
    ) -> Result<MergeConversationsResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let source = id("source_conversation_id", &request.source_conversation_id)?;
        let target = id("target_conversation_id", &request.target_conversation_id)?;
        let merge_id = convert::uuid("merge_id", &request.merge_id)?;
        if source == target {
            return Err(Error::invalid("target_conversation_id", "is the source itself"));
        }
        let target = self.0.merge_conversations(organization, source, target, merge_id).await?;
        let conversation_id = target.map(|id| id.to_string()).unwrap_or_default();
        Ok(MergeConversationsResponse { conversation_id })
    }

    async fn erase(
        &self,
        request: DeleteConversationRequest,
    ) -> Result<DeleteConversationResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let conversation = convert::conversation(&request.conversation_id)?;
        self.0.erase_conversation(organization, conversation).await?;
        Ok(DeleteConversationResponse {})
    }

    async fn interest(&self, request: SetInterestRequest) -> Result<SetInterestResponse> {
        let organization = convert::organization(&request.organization_id)?;
        let events = convert::webhook_events(&request.facts)?;
        self.0.set_interest(organization, &events, request.version).await?;
        Ok(SetInterestResponse {})
    }
}

#[tonic::async_trait]
impl ConversationService for Handlers {
    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        answer(self.send(request.into_inner()).await)
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        answer(self.page(request.into_inner()).await)
    }

    async fn list_conversations(
        &self,
        request: Request<ListConversationsRequest>,
    ) -> Result<Response<ListConversationsResponse>, Status> {
        answer(self.list(request.into_inner()).await)
    }

    async fn get_conversation(
        &self,
        request: Request<GetConversationRequest>,
    ) -> Result<Response<GetConversationResponse>, Status> {
        answer(self.get(request.into_inner()).await)
    }

    async fn mark_read(
        &self,
        request: Request<MarkReadRequest>,
    ) -> Result<Response<MarkReadResponse>, Status> {
        answer(self.mark(request.into_inner()).await)
    }

    async fn update_conversation(
        &self,
        request: Request<UpdateConversationRequest>,
    ) -> Result<Response<UpdateConversationResponse>, Status> {
        answer(self.update(request.into_inner()).await)
    }

    async fn set_typing(
        &self,
        request: Request<SetTypingRequest>,
    ) -> Result<Response<SetTypingResponse>, Status> {
        answer(self.typing(request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl ConversationSyncService for Handlers {
    async fn merge_conversations(
        &self,
        request: Request<MergeConversationsRequest>,
    ) -> Result<Response<MergeConversationsResponse>, Status> {
        answer(self.merge(request.into_inner()).await)
    }

    async fn delete_conversation(
        &self,
        request: Request<DeleteConversationRequest>,
    ) -> Result<Response<DeleteConversationResponse>, Status> {
        answer(self.erase(request.into_inner()).await)
    }

    async fn set_interest(
        &self,
        request: Request<SetInterestRequest>,
    ) -> Result<Response<SetInterestResponse>, Status> {
        answer(self.interest(request.into_inner()).await)
    }
}

#[tonic::async_trait]
impl StreamService for Handlers {
    type SubscribeStream = BoxStream<'static, Result<SubscribeResponse, Status>>;

    async fn subscribe(
        &self,
        request: Request<Streaming<SubscribeRequest>>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let commands = request.into_inner().map(|request| Ok(Command::from(request?)));
        let events = self.0.subscribe(commands.boxed()).map(|event| {
            event.map(SubscribeResponse::from).map_err(|failure| {
                log_failure(&failure);
                Status::from(failure)
            })
        });
        Ok(Response::new(events.boxed()))
    }
}
