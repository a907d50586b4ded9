//! `AgentService`.

use onethread_errors::{Error, Result};
use onethread_grpc::{answer, id, organization_id, page_size, timestamp};
use onethread_proto::identity::{self as wire, agent_service_server::AgentService};
use secrecy::{ExposeSecret, SecretString};
use tonic::{Request, Response, Status};

use crate::{
    grpc::{Handlers, mask::Mask},
    organization::grpc::audit::actor,
    team::{
        app::login::LoggedInAgent,
        domain::agent::{Agent, ListedAgent, Role},
    },
};

type Answer<T> = Result<Response<T>, Status>;

const AGENT: &str = "agent_id";

#[tonic::async_trait]
impl AgentService for Handlers {
    async fn list_agents(
        &self,
        request: Request<wire::ListAgentsRequest>,
    ) -> Answer<wire::ListAgentsResponse> {
        let request = request.into_inner();
        let page = async {
            let organization = organization_id(&request.organization_id)?;
            let size = page_size("page_size", request.page_size)?;
            self.app.list_agents(organization, size, &request.page_token).await
        };
        answer(page.await.map(|(found, next_page_token)| wire::ListAgentsResponse {
            agents: found.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn batch_get_agents(
        &self,
        request: Request<wire::BatchGetAgentsRequest>,
    ) -> Answer<wire::BatchGetAgentsResponse> {
        let request = request.into_inner();
        let found = async {
            let organization = organization_id(&request.organization_id)?;
            let ids = request.agent_ids.iter().enumerate();
            let ids = ids.map(|(n, text)| id(&format!("agent_ids[{n}]"), text));
            self.app.batch_agents(organization, ids.collect::<Result<_>>()?).await
        };
        answer(found.await.map(|found| wire::BatchGetAgentsResponse {
            agents: found.into_iter().map(Into::into).collect(),
        }))
    }

    async fn create_agent(
        &self,
        request: Request<wire::CreateAgentRequest>,
    ) -> Answer<wire::CreateAgentResponse> {
        let request = request.into_inner();
        let invited = async {
            let organization = organization_id(&request.organization_id)?;
            let (actor, role) = (actor(request.actor.clone())?, role("role", request.role())?);
            self.app.invite_agent(organization, actor, &request.email, request.name, role).await
        };
        answer(invited.await.map(|invited| wire::CreateAgentResponse {
            agent: Some(invited.agent.into()),
            invitation_token: invited.token.expose_secret().to_owned(),
            expires_at: Some(timestamp(invited.expires_at)),
        }))
    }

    async fn update_agent(
        &self,
        request: Request<wire::UpdateAgentRequest>,
    ) -> Answer<wire::UpdateAgentResponse> {
        let request = request.into_inner();
        let changed = async {
            let organization = organization_id(&request.organization_id)?;
            let new = request.agent.unwrap_or_default();
            let fields = [("name", !new.name.is_empty()), ("role", new.role != 0)];
            let mask = Mask::new(request.update_mask, &fields)?;
            let new_name = mask.has("name").then(|| new.name.clone());
            let new_role = mask.has("role").then(|| role("agent.role", new.role())).transpose()?;
            let actor = actor(request.actor)?;
            self.app
                .change_agent(organization, actor, id("agent.id", &new.id)?, new_name, new_role)
                .await
        };
        answer(changed.await.map(|now| wire::UpdateAgentResponse { agent: Some(now.into()) }))
    }

    async fn delete_agent(
        &self,
        request: Request<wire::DeleteAgentRequest>,
    ) -> Answer<wire::DeleteAgentResponse> {
        let request = request.into_inner();
        let removed = async {
            let organization = organization_id(&request.organization_id)?;
            self.app
                .remove_agent(organization, actor(request.actor)?, id(AGENT, &request.agent_id)?)
                .await
        };
        answer(removed.await.map(|()| wire::DeleteAgentResponse {}))
    }

    async fn reset_agent_password(
        &self,
        request: Request<wire::ResetAgentPasswordRequest>,
    ) -> Answer<wire::ResetAgentPasswordResponse> {
        let request = request.into_inner();
        let reset = async {
            let organization = organization_id(&request.organization_id)?;
            self.app
                .reset_agent(organization, actor(request.actor)?, id(AGENT, &request.agent_id)?)
                .await
        };
        answer(reset.await.map(|reset| wire::ResetAgentPasswordResponse {
            agent: Some(reset.agent.into()),
            invitation_token: reset.token.expose_secret().to_owned(),
            expires_at: Some(timestamp(reset.expires_at)),
        }))
    }

    async fn accept_invitation(
        &self,
        request: Request<wire::AcceptInvitationRequest>,
    ) -> Answer<wire::AcceptInvitationResponse> {
        let request = request.into_inner();
        let password = SecretString::from(request.password);
        let login = self.app.accept_invitation(&request.invitation_token, password).await;
        answer(login.map(|login| wire::AcceptInvitationResponse { session: Some(login.into()) }))
    }

    async fn change_password(
        &self,
        request: Request<wire::ChangePasswordRequest>,
    ) -> Answer<wire::ChangePasswordResponse> {
        let request = request.into_inner();
        let (old, new) = (request.password.into(), request.new_password.into());
        let changed = self.app.change_password(&request.token, old, new).await;
        answer(changed.map(|()| wire::ChangePasswordResponse {}))
    }
}

fn role(path: &str, role: wire::AgentRole) -> Result<Role> {
    match role {
        wire::AgentRole::Owner => Ok(Role::Owner),
        wire::AgentRole::Agent => Ok(Role::Agent),
        wire::AgentRole::Unspecified => Err(Error::invalid(path, "is not owner or agent")),
    }
}

impl From<ListedAgent> for wire::Agent {
    fn from(listed: ListedAgent) -> Self {
        Self { invited: listed.invited, ..listed.agent.into() }
    }
}

impl From<LoggedInAgent> for wire::AgentSession {
    fn from(login: LoggedInAgent) -> Self {
        Self {
            organization_id: login.agent.organization_id.to_string(),
            agent: Some(login.agent.into()),
            token: login.token.expose_secret().to_owned(),
            expires_at: Some(timestamp(login.expires_at)),
        }
    }
}

impl From<Agent> for wire::Agent {
    fn from(agent: Agent) -> Self {
        let role = match agent.role {
            Role::Owner => wire::AgentRole::Owner,
            Role::Agent => wire::AgentRole::Agent,
        };
        Self {
            id: agent.id.to_string(),
            email: agent.email,
            name: agent.name,
            role: role.into(),
            invited: false,
        }
    }
}
