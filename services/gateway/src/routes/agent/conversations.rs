//! Conversations as agents see them.

use std::sync::Arc;

use axum::{Json, extract::State};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use onethread_core::{AgentId, ConversationId, OrganizationId};
use onethread_errors::{Error, Result};
use onethread_proto::{
    conversation::{
        self, ConversationStatus, GetConversationRequest, ListConversationsRequest, Side,
        UpdateConversationRequest, list_conversations_request::Assignment,
    },
    identity::BatchGetAgentsRequest,
};
use prost_types::FieldMask;
use serde_json::Value as Member;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    authentication::{ApiCaller, ApiCallerKind},
    extract::{Assignee, Body, Faults, Given, Paging, PathId, Query, by_rule},
    json::{ContactLine, Conversation, List, contact_of},
    openapi::Problems,
    problem::ApiResult,
};

/// Which conversations are listed.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults)]
#[into_params(parameter_in = Query)]
pub(super) struct ConversationFilter {
    /// Those in this status; by default all.
    #[deserr(default)]
    #[param(value_type = Option<String>, pattern = "^(open|closed|all)$")]
    status: Option<StatusFilter>,
    /// `me` (agents only), `none`, or an agent's id; by default all.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    assignee: Option<AssigneeFilter>,
}

#[derive(Debug, Deserr)]
#[deserr(error = Faults, rename_all = lowercase)]
enum StatusFilter {
    Open,
    Closed,
    All,
}

impl StatusFilter {
    fn to_wire(&self) -> ConversationStatus {
        match self {
            Self::Open => ConversationStatus::Open,
            Self::Closed => ConversationStatus::Closed,
            Self::All => ConversationStatus::Unspecified,
        }
    }
}

#[derive(Debug)]
enum AssigneeFilter {
    Me,
    Nobody,
    Agent(AgentId),
}

impl Deserr<Faults> for AssigneeFilter {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not me, none or an agent's id", |value| {
            match value.as_str()? {
                "me" => Some(Self::Me),
                "none" => Some(Self::Nobody),
                id => id.parse().ok().map(Self::Agent),
            }
        })
    }
}

impl AssigneeFilter {
    fn into_assignment(self, caller: &ApiCaller) -> Result<Assignment> {
        match (self, &caller.kind) {
            (Self::Nobody, _) => Ok(Assignment::Unassigned(true)),
            (Self::Agent(id), _) => Ok(Assignment::AssigneeId(id.to_string())),
            (Self::Me, ApiCallerKind::Agent(id, _)) => Ok(Assignment::AssigneeId(id.to_string())),
            (Self::Me, ApiCallerKind::Server(_)) => {
                Err(Error::invalid("/assignee", "a server is no agent"))
            }
        }
    }
}

/// Conversations, newest activity first.
#[utoipa::path(get, path = "/conversations", operation_id = "listConversations",
    tag = "conversations", params(ConversationFilter, Paging),
    responses((status = 200, description = "A page of conversations.", body = List<Conversation>),
        Problems<(ApiCaller, Query<Paging>, Query<ConversationFilter>)>))]
pub(super) async fn list(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    Query(paging): Query<Paging>,
    Query(filter): Query<ConversationFilter>,
) -> ApiResult<Json<List<Conversation>>> {
    let status = filter.status.as_ref().map(StatusFilter::to_wire).unwrap_or_default();
    let assignment = filter.assignee.map(|assignee| assignee.into_assignment(&caller));
    let request = ListConversationsRequest {
        organization_id: caller.organization.to_string(),
        status: status.into(),
        page_size: paging.limit.0,
        page_token: paging.cursor,
        assignment: assignment.transpose()?,
    };
    let page = app.clients.conversations().list_conversations(request).await?.into_inner();
    let items = with_names(&app, caller.organization, page.conversations).await?;
    Ok(Json(List::new(items, page.next_page_token)))
}

/// Adds the names of contacts and agents, each in one batch.
async fn with_names(
    app: &App,
    organization: OrganizationId,
    conversations: Vec<conversation::Conversation>,
) -> Result<Vec<Conversation>> {
    let ids = conversations.iter().map(|conversation| contact_of(&conversation.id));
    let contacts = app.names.contacts(app, organization, ids).await?;
    let messages = conversations.iter().filter_map(|one| one.last_message.as_ref());
    let authors =
        app.names.authors_of_conversations(app, organization, &contacts, messages).await?;
    let with_names = |conversation: conversation::Conversation| {
        let id = contact_of(&conversation.id);
        let contact = contacts.get(&id).cloned().unwrap_or_else(|| ContactLine::unknown(id));
        Conversation::new(conversation, contact, &authors)
    };
    Ok(conversations.into_iter().map(with_names).collect())
}

async fn with_name(
    app: &App,
    organization: OrganizationId,
    conversation: Option<conversation::Conversation>,
) -> Result<Conversation> {
    let conversation = conversation.ok_or_else(Error::not_found)?;
    let mut named = with_names(app, organization, vec![conversation]).await?;
    named.pop().ok_or_else(Error::not_found)
}

/// One conversation.
#[utoipa::path(get, path = "/conversations/{id}", operation_id = "getConversation",
    tag = "conversations", params(PathId<ConversationId>),
    responses((status = 200, description = "The conversation.", body = Conversation),
        Problems<(ApiCaller, PathId<ConversationId>)>))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ConversationId>,
) -> ApiResult<Json<Conversation>> {
    let request = GetConversationRequest {
        organization_id: caller.organization.to_string(),
        conversation_id: id.to_string(),
        side: Side::Agent.into(),
    };
    let answer = app.clients.conversations().get_conversation(request).await?.into_inner();
    Ok(Json(with_name(&app, caller.organization, answer.conversation).await?))
}

/// Changes of a conversation. Absent members stay as they are.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct ConversationChange {
    #[deserr(default)]
    #[schema(value_type = Option<NewStatus>, nullable = false)]
    status: Given<NewStatus>,
    /// An agent of the organization; null unassigns the conversation.
    #[deserr(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    assignee_id: Assignee,
}

/// Open, or closed until the next message.
#[derive(Debug, Clone, Copy, ToSchema)]
#[schema(rename_all = "lowercase")]
enum NewStatus {
    Open,
    Closed,
}

impl Deserr<Faults> for NewStatus {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Faults> {
        by_rule(value, location, "is not open or closed", |value| match value {
            Member::String(status) if status == "open" => Some(Self::Open),
            Member::String(status) if status == "closed" => Some(Self::Closed),
            _ => None,
        })
    }
}

impl ConversationChange {
    /// The mask of the given members.
    fn mask(&self) -> FieldMask {
        let given = [
            ("status", self.status.0.is_some()),
            ("assignee_id", !matches!(self.assignee_id, Assignee::Unchanged)),
        ];
        let paths = given.into_iter().filter(|(_, given)| *given).map(|(path, _)| path.to_owned());
        FieldMask { paths: paths.collect() }
    }

    fn status(&self) -> ConversationStatus {
        match self.status.0 {
            None => ConversationStatus::Unspecified,
            Some(NewStatus::Open) => ConversationStatus::Open,
            Some(NewStatus::Closed) => ConversationStatus::Closed,
        }
    }
}

/// Assigns, closes or reopens a conversation.
///
/// Each change is recorded as an event in the conversation, which only agents see.
#[utoipa::path(patch, path = "/conversations/{id}", operation_id = "updateConversation",
    tag = "conversations", params(PathId<ConversationId>), request_body = ConversationChange,
    responses((status = 200, description = "The conversation as it is now.", body = Conversation),
        Problems<(ApiCaller, PathId<ConversationId>, Body<ConversationChange>)>))]
pub(super) async fn update(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    PathId(id): PathId<ConversationId>,
    body: Body<ConversationChange>,
) -> ApiResult<Json<Conversation>> {
    let change = body.content()?;
    let assignee = match change.assignee_id {
        Assignee::Agent(agent) => Some(agent),
        Assignee::Unchanged | Assignee::Nobody => None,
    };
    if let Some(agent) = assignee {
        check_agent(&app, caller.organization, agent).await?;
    }
    let request = UpdateConversationRequest {
        organization_id: caller.organization.to_string(),
        conversation: Some(conversation::Conversation {
            id: id.to_string(),
            status: change.status().into(),
            assignee_id: assignee.as_ref().map(AgentId::to_string),
            ..Default::default()
        }),
        update_mask: Some(change.mask()),
        actor: Some(caller.actor()),
    };
    let answer = app.clients.conversations().update_conversation(request).await?.into_inner();
    Ok(Json(with_name(&app, caller.organization, answer.conversation).await?))
}

/// Rejects another organization's agent like an agent that doesn't exist.
async fn check_agent(app: &App, organization: OrganizationId, agent: AgentId) -> Result<()> {
    let id = agent.to_string();
    let request = BatchGetAgentsRequest {
        organization_id: organization.to_string(),
        agent_ids: vec![id.clone()],
    };
    let answer = app.clients.agents().batch_get_agents(request).await;
    let answer = answer.map_err(Error::from)?.into_inner();
    let exists = answer.agents.iter().any(|agent| agent.id == id);
    exists.then_some(()).ok_or_else(Error::not_found)
}
