//! Agents' logins, and the cookie that carries one in a browser.

use std::sync::Arc;

use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use deserr::Deserr;
use http::{HeaderMap, StatusCode, Uri};
use onethread_core::Timestamp;
use onethread_grpc::to_timestamp;
use onethread_proto::identity::{
    self, ChangePasswordRequest, LoginAgentRequest, LogoutAgentRequest,
};
use serde::Serialize;
use time::Duration;
use utoipa::ToSchema;

use crate::{
    address::ClientAddress,
    app::App,
    authentication::{ApiCaller, cookie_name},
    extract::{Body, Faults},
    json::Agent,
    openapi::{
        Problems,
        reasons::{DeadlineExceeded, LoginRefused, RateLimited, Unavailable},
    },
    origin,
    problem::ApiResult,
};

/// The agent who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    agent: Agent,
}

/// A new login.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Login {
    agent: Agent,
    /// The login's token. Shown only this once.
    token: String,
}

/// An agent's email and password.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults)]
pub(super) struct Credentials {
    /// The organization's domain.
    organization: String,
    email: String,
    #[schema(format = Password)]
    password: String,
}

/// Logs an agent in. A browser gets a cookie as well.
#[utoipa::path(post, path = "/login", operation_id = "login", tag = "agents", security(()),
    request_body = Credentials,
    responses(
        (status = 200, description = "The login.", body = Login,
            headers(("Set-Cookie" = String, description = "The login, for browsers."))),
        Problems<(Body<Credentials>, LoginRefused, RateLimited, Unavailable, DeadlineExceeded)>,
    ))]
pub(super) async fn login(
    State(app): State<Arc<App>>,
    ClientAddress(from): ClientAddress,
    request: Request,
) -> ApiResult<(CookieJar, Json<Login>)> {
    // Before the body is read: the body of a caller over the limit costs nothing.
    app.limits.login(from)?;
    let is_secure = !origin::is_loopback(request.headers(), request.uri());
    let body = Body::<Credentials>::from_request(request, &app).await?;
    let Credentials { organization, email, password } = body.content()?;
    app.limits.login_by_email(&organization, &email, from)?;
    let request = LoginAgentRequest { organization_name: organization, email, password };
    let answer = app.clients.sessions().login_agent(request).await?.into_inner();
    Ok(logged_in(&app, answer.session.unwrap_or_default(), is_secure))
}

/// The answer to a login.
pub(super) fn logged_in(
    app: &App,
    session: identity::AgentSession,
    is_secure: bool,
) -> (CookieJar, Json<Login>) {
    let mut cookie = cookie(session.token.clone(), is_secure);
    if let Some(expires_at) = &session.expires_at {
        cookie.set_max_age(remaining(app.clock.now(), to_timestamp(expires_at)));
    }
    let agent = session.agent.unwrap_or_default().into();
    (CookieJar::new().add(cookie), Json(Login { agent, token: session.token }))
}

/// Ends the agent's login.
#[utoipa::path(post, path = "/logout", operation_id = "logout", tag = "agents",
    security(("login" = []), ("cookie" = [])),
    responses((status = 204, description = "The login has ended."), Problems<(ApiCaller,)>))]
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    headers: HeaderMap,
    uri: Uri,
) -> ApiResult<(CookieJar, StatusCode)> {
    let organization = caller.organization;
    let (agent, _, token) = caller.into_agent()?;
    app.clients.sessions().logout_agent(LogoutAgentRequest { token }).await?;
    app.agent_changed(organization, agent);
    // A browser takes the removal only with the same attributes.
    let mut removal = cookie(String::new(), !origin::is_loopback(&headers, &uri));
    removal.make_removal();
    Ok((CookieJar::new().add(removal), StatusCode::NO_CONTENT))
}

/// The agent who is logged in.
#[utoipa::path(get, path = "/me", operation_id = "me", tag = "agents",
    security(("login" = []), ("cookie" = [])),
    responses((status = 200, description = "The agent.", body = Me), Problems<(ApiCaller,)>))]
pub(super) async fn me(caller: ApiCaller) -> ApiResult<Json<Me>> {
    let (_, agent, _) = caller.into_agent()?;
    Ok(Json(Me { agent: agent.into() }))
}

/// The current password and a new one.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
pub(super) struct PasswordChange {
    #[schema(format = Password)]
    password: String,
    #[schema(format = Password, min_length = 8, max_length = 1024)]
    new_password: String,
}

/// Changes the caller's own password. Their other logins end, this one continues.
///
/// Rate-limited like a login.
#[utoipa::path(post, path = "/me/password", operation_id = "changePassword", tag = "agents",
    security(("login" = []), ("cookie" = [])), request_body = PasswordChange,
    responses((status = 204, description = "The password is changed."), Problems<(ApiCaller, Body<PasswordChange>)>))]
pub(super) async fn change_password(
    State(app): State<Arc<App>>,
    caller: ApiCaller,
    ClientAddress(from): ClientAddress,
    body: Body<PasswordChange>,
) -> ApiResult<StatusCode> {
    let organization = caller.organization;
    let (id, agent, token) = caller.into_agent()?;
    let PasswordChange { password, new_password } = body.content()?;
    app.limits.login(from)?;
    app.limits.login_by_email(&organization.to_string(), &agent.email, from)?;
    let request = ChangePasswordRequest { token, password, new_password };
    app.clients.agents().change_password(request).await?;
    app.agent_changed(organization, id);
    Ok(StatusCode::NO_CONTENT)
}

/// Scripts can't read it, pages of other sites don't send it, and it needs TLS except on loopback.
fn cookie(token: String, is_secure: bool) -> Cookie<'static> {
    Cookie::build((cookie_name(is_secure), token))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .secure(is_secure)
        .build()
}

fn remaining(now: Timestamp, expires_at: Timestamp) -> Duration {
    Duration::seconds(i64::try_from(expires_at.since(now).as_secs()).unwrap_or(i64::MAX))
}
