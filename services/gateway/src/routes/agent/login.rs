//! Agents' logins, and the cookie that carries one in a browser.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Json,
    extract::{FromRequest, Request, State},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use http::{HeaderMap, StatusCode, Uri};
use onethread_core::Timestamp;
use onethread_grpc::to_timestamp;
use onethread_proto::identity::{self, AgentRole, EndLoginRequest, LoginRequest};
use serde::Serialize;
use time::Duration;

use crate::{
    address::ClientAddress,
    app::App,
    auth::{self, COOKIE, Staff},
    extract::Body,
    problem::ApiResult,
};

/// Who is logged in.
#[derive(Debug, Serialize)]
pub(super) struct Me {
    agent: Agent,
    /// The login's token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Debug, Serialize)]
struct Agent {
    id: String,
    email: String,
    name: String,
    role: &'static str,
}

impl From<identity::Agent> for Agent {
    fn from(agent: identity::Agent) -> Self {
        let role = if agent.role() == AgentRole::Owner { "owner" } else { "agent" };
        Self { id: agent.id, email: agent.email, name: agent.name, role }
    }
}

pub(super) async fn login(
    State(app): State<Arc<App>>,
    ClientAddress(from): ClientAddress,
    request: Request,
) -> ApiResult<(CookieJar, Json<Me>)> {
    let secure = !is_loopback(request.headers(), request.uri());
    let body = Body::from_request(request, &app).await?;
    let login = LoginRequest {
        organization: body.text("organization")?,
        email: body.text("email")?,
        password: body.text("password")?,
    };
    app.limits.login(from, &login.organization, &login.email)?;
    let answer = app.organizations().login(login).await?.into_inner();
    let mut cookie = cookie(answer.token.clone(), secure);
    if let Some(until) = &answer.expires_at {
        cookie.set_max_age(span(app.clock.now(), to_timestamp(until)));
    }
    let me = Me { agent: answer.agent.unwrap_or_default().into(), token: Some(answer.token) };
    Ok((CookieJar::new().add(cookie), Json(me)))
}

pub(super) async fn logout(
    State(app): State<Arc<App>>,
    staff: Staff,
) -> ApiResult<(CookieJar, StatusCode)> {
    let (_, token) = staff.agent()?;
    app.organizations().end_login(EndLoginRequest { token }).await?;
    let mut gone = cookie(String::new(), false);
    gone.make_removal();
    Ok((CookieJar::new().add(gone), StatusCode::NO_CONTENT))
}

pub(super) async fn me(staff: Staff) -> ApiResult<Json<Me>> {
    let (agent, _) = staff.agent()?;
    Ok(Json(Me { agent: agent.into(), token: None }))
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

fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = auth::host(headers, uri).unwrap_or_default();
    // The port goes; a bare IPv6 address stands in brackets.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    let address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    address || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_its_names() {
        let loopback = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("host", host.parse().unwrap());
            is_loopback(&headers, &Uri::from_static("/"))
        };
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"] {
            assert!(loopback(host), "{host}");
        }
        for host in ["example.com", "localhost.example.com", "10.0.0.1:8080", ""] {
            assert!(!loopback(host), "{host}");
        }
    }
}
