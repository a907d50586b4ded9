//! Agents, for owners; and invitations, for those who were invited.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use axum_extra::extract::CookieJar;
use deserr::Deserr;
use http::StatusCode;
use onethread_core::AgentId;
use onethread_proto::identity::{
    self, AcceptInvitationRequest, CreateAgentRequest, DeleteAgentRequest, ListAgentsRequest,
    ResetAgentPasswordRequest, UpdateAgentRequest,
};
use prost_types::FieldMask;
use utoipa::ToSchema;

use super::login::{Login, logged_in};
use crate::{
    address::ClientAddress,
    app::App,
    authentication::Owner,
    extract::{Body, Faults, Paging, PathId, Query},
    json::{InvitedAgent, List, ListedAgent, Role},
    openapi::{
        Problems,
        reasons::{
            AgentExists, DeadlineExceeded, InvitationRefused, LastOwner, RateLimited, Unavailable,
        },
    },
    origin,
    problem::ApiResult,
};

/// The organization's agents, invited ones included. For owners.
#[utoipa::path(get, path = "/agents", operation_id = "listAgents", tag = "agents", params(Paging),
    responses((status = 200, description = "A page of agents.", body = List<ListedAgent>),
        Problems<(Owner, Query<Paging>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    Query(paging): Query<Paging>,
) -> ApiResult<Json<List<ListedAgent>>> {
    let request = ListAgentsRequest {
        organization_id: owner.organization.to_string(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
    };
    let page = app.clients.agents().list_agents(request).await?.into_inner();
    let items = page.agents.into_iter().map(ListedAgent::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// An agent to invite.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct NewAgent {
    #[schema(max_length = 254)]
    email: String,
    /// By default the part of the email before the @.
    #[deserr(default)]
    #[schema(max_length = 255)]
    name: Option<String>,
    /// `owner` or `agent`, the default.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
}

/// Invites an agent, or invites an agent without a password again: the earlier token is revoked.
/// For owners.
#[utoipa::path(post, path = "/agents", operation_id = "inviteAgent", tag = "agents",
    request_body = NewAgent,
    responses((status = 201, description = "The agent.", body = InvitedAgent),
        Problems<(Owner, Body<NewAgent>, AgentExists)>))]
pub(super) async fn invite(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body<NewAgent>,
) -> ApiResult<(StatusCode, Json<InvitedAgent>)> {
    let NewAgent { email, name, role } = body.content()?;
    let request = CreateAgentRequest {
        organization_id: owner.organization.to_string(),
        email,
        name: name.unwrap_or_default(),
        role: role.unwrap_or(Role::Agent).to_wire().into(),
        actor: Some(owner.actor()),
    };
    let answer = app.clients.agents().create_agent(request).await?.into_inner();
    let agent = InvitedAgent::new(answer.agent, answer.invitation_token, answer.expires_at);
    Ok((StatusCode::CREATED, Json(agent)))
}

/// An invitation that is accepted.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct AcceptedInvitation {
    invite_token: String,
    #[schema(format = Password, min_length = 8, max_length = 1024)]
    password: String,
}

/// Sets the password of an invited agent, and logs the agent in.
#[utoipa::path(post, path = "/agents/accept", operation_id = "acceptInvitation", tag = "agents",
    security(()), request_body = AcceptedInvitation,
    responses(
        (status = 200, description = "The login.", body = Login,
            headers(("Set-Cookie" = String, description = "The login, for browsers."))),
        Problems<(Body<AcceptedInvitation>, InvitationRefused, RateLimited, Unavailable,
            DeadlineExceeded)>,
    ))]
pub(super) async fn accept(
    State(app): State<Arc<App>>,
    ClientAddress(from): ClientAddress,
    request: Request,
) -> ApiResult<(CookieJar, Json<Login>)> {
    app.limits.login(from)?;
    let is_secure = !origin::is_loopback(request.headers(), request.uri());
    let body = Body::<AcceptedInvitation>::from_request(request, &app).await?;
    let AcceptedInvitation { invite_token, password } = body.content()?;
    let request = AcceptInvitationRequest { invitation_token: invite_token, password };
    let answer = app.clients.agents().accept_invitation(request).await?.into_inner();
    Ok(logged_in(&app, answer.session.unwrap_or_default(), is_secure))
}

/// Changes of an agent. Absent members stay as they are.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct AgentUpdate {
    #[deserr(default)]
    #[schema(max_length = 255)]
    name: Option<String>,
    /// `owner` or `agent`.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
}

/// Changes an agent's name or role. For owners, of whom one has to stay.
#[utoipa::path(patch, path = "/agents/{id}", operation_id = "changeAgent", tag = "agents",
    params(PathId<AgentId>), request_body = AgentUpdate,
    responses((status = 200, description = "The agent.", body = ListedAgent),
        Problems<(Owner, PathId<AgentId>, Body<AgentUpdate>, LastOwner)>))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<AgentId>,
    body: Body<AgentUpdate>,
) -> ApiResult<Json<ListedAgent>> {
    let AgentUpdate { name, role } = body.content()?;
    let given = [("name", name.is_some()), ("role", role.is_some())];
    let paths = given.into_iter().filter(|(_, given)| *given).map(|(path, _)| path.to_owned());
    let mut agent = identity::Agent { id: id.to_string(), ..identity::Agent::default() };
    agent.name = name.unwrap_or_default();
    agent.role = role.map(|role| role.to_wire().into()).unwrap_or_default();
    let request = UpdateAgentRequest {
        organization_id: owner.organization.to_string(),
        agent: Some(agent),
        update_mask: Some(FieldMask { paths: paths.collect() }),
        actor: Some(owner.actor()),
    };
    let changed = app.clients.agents().update_agent(request).await?.into_inner();
    app.agent_changed(owner.organization, id);
    Ok(Json(changed.agent.unwrap_or_default().into()))
}

/// Removes an agent: their logins and streams end. For owners, of whom one has to stay.
#[utoipa::path(delete, path = "/agents/{id}", operation_id = "removeAgent", tag = "agents",
    params(PathId<AgentId>),
    responses((status = 204, description = "The agent is removed."),
        Problems<(Owner, PathId<AgentId>, LastOwner)>))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<AgentId>,
) -> ApiResult<StatusCode> {
    let request = DeleteAgentRequest {
        organization_id: owner.organization.to_string(),
        agent_id: id.to_string(),
        actor: Some(owner.actor()),
    };
    app.clients.agents().delete_agent(request).await?;
    app.agent_changed(owner.organization, id);
    Ok(StatusCode::NO_CONTENT)
}

/// Resets an agent's password: their logins and streams end, and the token in the answer sets a
/// new password. For owners, of whom one has to stay.
#[utoipa::path(post, path = "/agents/{id}/reset", operation_id = "resetAgent", tag = "agents",
    params(PathId<AgentId>),
    responses((status = 200, description = "The agent.", body = InvitedAgent),
        Problems<(Owner, PathId<AgentId>, LastOwner)>))]
pub(super) async fn reset(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId<AgentId>,
) -> ApiResult<Json<InvitedAgent>> {
    let request = ResetAgentPasswordRequest {
        organization_id: owner.organization.to_string(),
        agent_id: id.to_string(),
        actor: Some(owner.actor()),
    };
    let answer = app.clients.agents().reset_agent_password(request).await?.into_inner();
    app.agent_changed(owner.organization, id);
    Ok(Json(InvitedAgent::new(answer.agent, answer.invitation_token, answer.expires_at)))
}
