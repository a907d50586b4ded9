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
use http::StatusCode;
use onethread_core::Timestamp;
use onethread_grpc::to_timestamp;
use onethread_proto::identity::{self, ChangePasswordRequest, EndLoginRequest, LoginRequest};
use serde::Serialize;
use time::Duration;
use utoipa::ToSchema;

use crate::{
    address::ClientAddress,
    app::App,
    auth::{self, COOKIE, Staff},
    extract::Body,
    json::{Agent, Credentials, PasswordChange},
    openapi::{
        Refusals,
        reasons::{DeadlineExceeded, LoginRefused, RateLimited, Unavailable},
    },
    problem::ApiResult,
};

/// Who is logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    agent: Agent,
}

/// Who has just logged in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Login {
    agent: Agent,
    /// The login's token, shown this once.
    token: String,
}

/// Logs an agent in; a browser gets a cookie as well.
#[utoipa::path(post, path = "/login", operation_id = "login", tag = "agents", security(()),
    request_body = Credentials,
    responses(
        (status = 200, description = "The login.", body = Login,
            headers(("Set-Cookie" = String, description = "The login, for browsers."))),
        Refusals<(Body, LoginRefused, RateLimited, Unavailable, DeadlineExceeded)>,
    ))]
pub(super) async fn login(
    State(app): State<Arc<App>>,
    ClientAddress(from): ClientAddress,
    request: Request,
) -> ApiResult<(CookieJar, Json<Login>)> {
    let secure = !auth::is_loopback(request.headers(), request.uri());
    let body = Body::from_request(request, &app).await?;
    let login = LoginRequest {
        organization: body.text("organization")?,
        email: body.text("email")?,
        password: body.text("password")?,
    };
    app.limits.login(from, &login.organization, &login.email)?;
    let answer = app.organizations().login(login).await?.into_inner();
    Ok(logged_in(&app, answer, secure))
}

/// The answer to whoever has just logged in.
pub(super) fn logged_in(
    app: &App,
    login: identity::LoginResponse,
    secure: bool,
) -> (CookieJar, Json<Login>) {
    let mut cookie = cookie(login.token.clone(), secure);
    if let Some(until) = &login.expires_at {
        cookie.set_max_age(span(app.clock.now(), to_timestamp(until)));
    }
    let agent = login.agent.unwrap_or_default().into();
    (CookieJar::new().add(cookie), Json(Login { agent, token: login.token }))
}

/// Ends the agent's login.
#[utoipa::path(post, path = "/logout", operation_id = "logout", tag = "agents",
    security(("login" = []), ("cookie" = [])),
    responses((status = 204, description = "It has ended."), Refusals<(Staff,)>))]
pub(super) async fn logout(
    State(app): State<Arc<App>>,
    staff: Staff,
) -> ApiResult<(CookieJar, StatusCode)> {
    let organization = staff.organization.clone();
    let (agent, token) = staff.agent()?;
    app.organizations().end_login(EndLoginRequest { token }).await?;
    app.forget_agent(&organization, &agent.id);
    let mut gone = cookie(String::new(), false);
    gone.make_removal();
    Ok((CookieJar::new().add(gone), StatusCode::NO_CONTENT))
}

/// Who is logged in?
#[utoipa::path(get, path = "/me", operation_id = "me", tag = "agents",
    security(("login" = []), ("cookie" = [])),
    responses((status = 200, description = "The agent.", body = Me), Refusals<(Staff,)>))]
pub(super) async fn me(staff: Staff) -> ApiResult<Json<Me>> {
    let (agent, _) = staff.agent()?;
    Ok(Json(Me { agent: agent.into() }))
}

/// Changes the caller's own password; their other logins end, this one goes on.
///
/// Counted like a login.
#[utoipa::path(post, path = "/me/password", operation_id = "changePassword", tag = "agents",
    security(("login" = []), ("cookie" = [])), request_body = PasswordChange,
    responses((status = 204, description = "It is changed."), Refusals<(Staff, Body)>))]
pub(super) async fn change_password(
    State(app): State<Arc<App>>,
    staff: Staff,
    ClientAddress(from): ClientAddress,
    body: Body,
) -> ApiResult<StatusCode> {
    let organization = staff.organization.clone();
    let (agent, token) = staff.agent()?;
    let (password, new_password) = (body.text("password")?, body.text("newPassword")?);
    app.limits.login(from, &organization, &agent.email)?;
    let request = ChangePasswordRequest { token, password, new_password };
    app.agents().change_password(request).await?;
    app.forget_agent(&organization, &agent.id);
    Ok(StatusCode::NO_CONTENT)
}

/// No script reads it, no other site's page sends it, and it goes over TLS unless the server is
/// this very machine.
fn cookie(token: String, secure: bool) -> Cookie<'static> {
    Cookie::build((COOKIE, token))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .secure(secure)
        .build()
}

fn span(from: Timestamp, until: Timestamp) -> Duration {
    Duration::seconds(i64::try_from(until.since(from).as_secs()).unwrap_or(i64::MAX))
}
