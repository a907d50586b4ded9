//! Callers of `/v1`: agents and servers.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum_extra::extract::CookieJar;
use http::{Method, header, request::Parts};
use onethread_core::{AgentId, ApiKeyId, OrganizationId};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::{
    common::{Actor, ActorKind},
    conversation::{Author, AuthorKind},
    identity::{Agent, AgentRole, authenticate_response::Caller},
};
use uuid::Uuid;

use super::{
    CREDENTIAL_REASONS, CacheKey, authenticate_and_cache, authenticate_cached,
    authenticate_request, bearer, client_address,
};
use crate::{app::App, clients::answered_id, openapi::Rejects, origin, problem::ApiError};

/// The cookie of an agent's login. By its prefix a browser takes it only over HTTPS and from this host,
/// so no other host of the domain can set one.
pub(crate) const COOKIE: &str = "__Host-onethread_session";

/// The same on loopback, where there is no HTTPS.
const LOOPBACK_COOKIE: &str = "onethread_session";

/// The name of the cookie for a client that asked for HTTPS, or for a loopback address.
pub(crate) fn cookie_name(is_secure: bool) -> &'static str {
    if is_secure { COOKIE } else { LOOPBACK_COOKIE }
}

/// An agent or a server.
#[derive(Debug)]
pub(crate) struct ApiCaller {
    pub(crate) organization: OrganizationId,
    pub(crate) kind: ApiCallerKind,
    /// The login's token or the API key.
    pub(crate) token: String,
    /// Position of the revocation feed before identity was asked.
    pub(crate) feed_position: u64,
}

/// Which of both calls.
#[derive(Debug)]
pub(crate) enum ApiCallerKind {
    Agent(AgentId, Agent),
    /// A company's server, by its API key.
    Server(ApiKeyId),
}

/// An agent who owns the organization.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) organization: OrganizationId,
    id: AgentId,
}

impl Owner {
    /// The caller as the actor of a change.
    pub(crate) fn actor(&self) -> Actor {
        Actor { kind: ActorKind::Agent.into(), id: self.id.to_string() }
    }
}

impl ApiCaller {
    /// The agent's or the API key's id.
    pub(crate) fn id(&self) -> Uuid {
        match &self.kind {
            ApiCallerKind::Agent(agent, _) => agent.0,
            ApiCallerKind::Server(key) => key.0,
        }
    }

    /// The caller as the actor of a change.
    pub(crate) fn actor(&self) -> Actor {
        let kind = match &self.kind {
            ApiCallerKind::Agent(..) => ActorKind::Agent,
            ApiCallerKind::Server(_) => ActorKind::ApiKey,
        };
        Actor { kind: kind.into(), id: self.id().to_string() }
    }

    /// The caller as author of a message.
    pub(crate) fn author(&self) -> Author {
        Author { kind: AuthorKind::Agent.into(), id: self.id().to_string() }
    }

    /// Rejects agents who aren't owners.
    ///
    /// # Errors
    ///
    /// `Forbidden`.
    pub(crate) fn owner_or_server(self) -> Result<Self> {
        match &self.kind {
            ApiCallerKind::Agent(_, agent) if agent.role() != AgentRole::Owner => {
                Err(Error::new(Reason::Forbidden))
            }
            _ => Ok(self),
        }
    }

    /// The agent, with the login's token.
    ///
    /// # Errors
    ///
    /// `Forbidden` for a server.
    pub(crate) fn into_agent(self) -> Result<(AgentId, Agent, String)> {
        match self.kind {
            ApiCallerKind::Agent(id, agent) => Ok((id, agent, self.token)),
            ApiCallerKind::Server(_) => Err(Error::new(Reason::Forbidden)),
        }
    }
}

impl FromRequestParts<Arc<App>> for ApiCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        counted_caller(parts, app, may_use_cache(parts)).await
    }
}

impl FromRequestParts<Arc<App>> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let caller = counted_caller(parts, app, false).await?;
        match caller.kind {
            ApiCallerKind::Agent(id, agent) if agent.role() == AgentRole::Owner => {
                Ok(Self { organization: caller.organization, id })
            }
            _ => Err(Error::new(Reason::Forbidden).into()),
        }
    }
}

/// Reads, and writes in conversations, don't change who may do what.
fn may_use_cache(parts: &Parts) -> bool {
    let route = parts.extensions.get::<MatchedPath>();
    is_read(parts) || route.is_some_and(|route| route.as_str().starts_with("/v1/conversations/"))
}

fn is_read(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD)
}

async fn counted_caller(
    parts: &Parts,
    app: &App,
    may_use_cache: bool,
) -> Result<ApiCaller, ApiError> {
    let caller = api_caller(parts, app, may_use_cache).await;
    match &caller {
        Ok(ApiCaller { kind: ApiCallerKind::Server(key), .. }) => app.limits.api_key(*key)?,
        _ => app.limits.other(client_address(parts, app))?,
    }
    Ok(caller?)
}

async fn api_caller(parts: &Parts, app: &App, may_use_cache: bool) -> Result<ApiCaller> {
    let token = match bearer(&parts.headers) {
        Some(token) => token.to_owned(),
        None if parts.headers.contains_key(header::AUTHORIZATION) => {
            return Err(Error::new(Reason::SessionEnded));
        }
        None => cookie_token(parts)?,
    };
    let request = authenticate_request(&token, "");
    let authentication = if may_use_cache {
        authenticate_cached(app, request).await?
    } else {
        authenticate_and_cache(app, CacheKey::new(&request), request).await?
    };
    let kind = match &authentication.caller {
        Caller::Agent(agent) => ApiCallerKind::Agent(answered_id(&agent.id)?, agent.clone()),
        Caller::Server(server) => ApiCallerKind::Server(answered_id(&server.api_key_id)?),
        Caller::Visitor(_) | Caller::Contact(_) => return Err(Error::new(Reason::Forbidden)),
    };
    let (organization, feed_position) = (authentication.organization, authentication.feed_position);
    Ok(ApiCaller { organization, kind, token, feed_position })
}

/// A browser sends the cookie along from pages of any site, so only our own pages may change
/// something with it.
fn cookie_token(parts: &Parts) -> Result<String> {
    let cookies = CookieJar::from_headers(&parts.headers);
    let is_secure = !origin::is_loopback(&parts.headers, &parts.uri);
    let cookie = cookies.get(COOKIE).or_else(|| cookies.get(cookie_name(is_secure)));
    let cookie = cookie.ok_or_else(|| Error::new(Reason::SessionEnded))?;
    if !is_read(parts) && !origin::is_own_origin(&parts.headers, &parts.uri) {
        return Err(Error::new(Reason::Forbidden).with_detail("The Origin is another one's."));
    }
    Ok(cookie.value().to_owned())
}

impl Rejects for ApiCaller {
    fn reasons() -> Vec<Reason> {
        [&CREDENTIAL_REASONS[..], &[Reason::Forbidden]].concat()
    }
}

impl Rejects for Owner {
    fn reasons() -> Vec<Reason> {
        ApiCaller::reasons()
    }
}
