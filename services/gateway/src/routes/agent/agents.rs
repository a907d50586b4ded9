//! Teammates, for owners; and invitations, for those who got one.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use axum_extra::extract::CookieJar;
use http::StatusCode;
use onethread_proto::identity::{
    self, AcceptInvitationRequest, AgentRole, CreateAgentRequest, DeleteAgentRequest,
    ListAgentsRequest, ResetAgentRequest, UpdateAgentRequest,
};
use prost_types::FieldMask;

use super::login::{Login, logged_in};
use crate::{
    address::ClientAddress,
    app::App,
    auth::{self, Owner},
    extract::{Body, Paging, PathId},
    json::{AcceptedInvitation, AgentUpdate, InvitedAgent, List, ListedAgent, NewAgent, role},
    openapi::{
        Refusals,
        reasons::{
            AgentExists, DeadlineExceeded, InvitationRefused, LastOwner, RateLimited, Unavailable,
        },
    },
    problem::ApiResult,
};

/// The organization's agents, those who are invited among them. For owners.
#[utoipa::path(get, path = "/agents", operation_id = "listAgents", tag = "agents", params(Paging),
    responses((status = 200, description = "A page of agents.", body = List<ListedAgent>),
        Refusals<(Owner, Paging)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    owner: Owner,
    paging: Paging,
) -> ApiResult<Json<List<ListedAgent>>> {
    let request = ListAgentsRequest {
        organization_id: owner.organization,
        page_size: paging.size,
        page_token: paging.cursor,
    };
    let page = app.agents().list_agents(request).await?.into_inner();
    let items = page.agents.into_iter().map(ListedAgent::from).collect();
    Ok(Json(List::new(items, page.next_page_token)))
}

/// Invites an agent, or once more who has no password yet; the token of before stops. For owners.
#[utoipa::path(post, path = "/agents", operation_id = "inviteAgent", tag = "agents",
    request_body = NewAgent,
    responses((status = 201, description = "The agent.", body = InvitedAgent),
        Refusals<(Owner, Body, AgentExists)>))]
pub(super) async fn invite(
    State(app): State<Arc<App>>,
    owner: Owner,
    body: Body,
) -> ApiResult<(StatusCode, Json<InvitedAgent>)> {
    let actor = Some(owner.actor());
    let request = CreateAgentRequest {
        organization_id: owner.organization,
        email: body.text("email")?,
        name: body.optional_text("name")?.unwrap_or_default(),
        role: role(&body)?.unwrap_or(AgentRole::Agent).into(),
        actor,
    };
    let made = app.agents().create_agent(request).await?.into_inner();
    let made = InvitedAgent::new(made.agent, made.invite_token, made.expires_at);
    Ok((StatusCode::CREATED, Json(made)))
}

/// Sets the password of somebody who was invited, and logs them in.
#[utoipa::path(post, path = "/agents/accept", operation_id = "acceptInvitation", tag = "agents",
    security(()), request_body = AcceptedInvitation,
    responses(
        (status = 200, description = "The login.", body = Login,
            headers(("Set-Cookie" = String, description = "The login, for browsers."))),
        Refusals<(Body, InvitationRefused, RateLimited, Unavailable, DeadlineExceeded)>,
    ))]
pub(super) async fn accept(
    State(app): State<Arc<App>>,
    ClientAddress(from): ClientAddress,
    request: Request,
) -> ApiResult<(CookieJar, Json<Login>)> {
    app.limits.accept(from)?;
    let secure = !auth::is_loopback(request.headers(), request.uri());
    let body = Body::from_request(request, &app).await?;
    let request = AcceptInvitationRequest {
        invite_token: body.text("inviteToken")?,
        password: body.text("password")?,
    };
    let answer = app.agents().accept_invitation(request).await?.into_inner();
    Ok(logged_in(&app, answer.login.unwrap_or_default(), secure))
}

/// Changes an agent's name or role. For owners, of whom one has to stay.
#[utoipa::path(patch, path = "/agents/{id}", operation_id = "changeAgent", tag = "agents",
    params(PathId), request_body = AgentUpdate,
    responses((status = 200, description = "The agent.", body = ListedAgent),
        Refusals<(Owner, PathId, Body, LastOwner)>))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
    body: Body,
) -> ApiResult<Json<ListedAgent>> {
    let (name, role) = (body.optional_text("name")?, role(&body)?);
    let said = [("name", name.is_some()), ("role", role.is_some())];
    let paths = said.into_iter().filter(|(_, said)| *said).map(|(path, _)| path.to_owned());
    let update_mask = Some(FieldMask { paths: paths.collect() });
    let mut agent = identity::Agent { id: id.clone(), ..identity::Agent::default() };
    agent.name = name.unwrap_or_default();
    agent.set_role(role.unwrap_or_default());
    let (actor, agent) = (Some(owner.actor()), Some(agent));
    let organization_id = owner.organization.clone();
    let request = UpdateAgentRequest { organization_id, agent, update_mask, actor };
    let changed = app.agents().update_agent(request).await?.into_inner();
    app.forget_agent(&owner.organization, &id);
    Ok(Json(changed.agent.unwrap_or_default().into()))
}

/// Removes an agent: their logins and streams end. For owners, of whom one has to stay.
#[utoipa::path(delete, path = "/agents/{id}", operation_id = "removeAgent", tag = "agents",
    params(PathId),
    responses((status = 204, description = "The agent is gone."),
        Refusals<(Owner, PathId, LastOwner)>))]
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
) -> ApiResult<StatusCode> {
    let actor = Some(owner.actor());
    let organization_id = owner.organization.clone();
    let request = DeleteAgentRequest { organization_id, agent_id: id.clone(), actor };
    app.agents().delete_agent(request).await?;
    app.forget_agent(&owner.organization, &id);
    Ok(StatusCode::NO_CONTENT)
}

/// Takes an agent's password away: their logins and streams end, and the token sets another
/// password. For owners, of whom one has to stay.
#[utoipa::path(post, path = "/agents/{id}/reset", operation_id = "resetAgent", tag = "agents",
    params(PathId),
    responses((status = 200, description = "The agent.", body = InvitedAgent),
        Refusals<(Owner, PathId, LastOwner)>))]
pub(super) async fn reset(
    State(app): State<Arc<App>>,
    owner: Owner,
    PathId(id): PathId,
) -> ApiResult<Json<InvitedAgent>> {
    let actor = Some(owner.actor());
    let organization_id = owner.organization.clone();
    let request = ResetAgentRequest { organization_id, agent_id: id.clone(), actor };
    let reset = app.agents().reset_agent(request).await?.into_inner();
    app.forget_agent(&owner.organization, &id);
    Ok(Json(InvitedAgent::new(reset.agent, reset.invite_token, reset.expires_at)))
}
