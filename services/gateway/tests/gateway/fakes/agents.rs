//! Identity's agents.

use onethread_proto::identity::{agent_service_server::AgentService, *};
use tonic::{Request, Response, Status};

use super::{Answer, Fake};
use crate::support;

#[tonic::async_trait]
impl AgentService for Fake {
    async fn batch_get_agents(
        &self,
        _: Request<BatchGetAgentsRequest>,
    ) -> Answer<BatchGetAgentsResponse> {
        Ok(Response::new(BatchGetAgentsResponse { agents: vec![support::agent()] }))
    }

    async fn list_agents(&self, _: Request<ListAgentsRequest>) -> Answer<ListAgentsResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn create_agent(&self, _: Request<CreateAgentRequest>) -> Answer<CreateAgentResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn update_agent(&self, _: Request<UpdateAgentRequest>) -> Answer<UpdateAgentResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn delete_agent(&self, _: Request<DeleteAgentRequest>) -> Answer<DeleteAgentResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn reset_agent_password(
        &self,
        _: Request<ResetAgentPasswordRequest>,
    ) -> Answer<ResetAgentPasswordResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn accept_invitation(
        &self,
        _: Request<AcceptInvitationRequest>,
    ) -> Answer<AcceptInvitationResponse> {
        Err(Status::unimplemented("not called"))
    }

    async fn change_password(
        &self,
        _: Request<ChangePasswordRequest>,
    ) -> Answer<ChangePasswordResponse> {
        Err(Status::unimplemented("not called"))
    }
}
