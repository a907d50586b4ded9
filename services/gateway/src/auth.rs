//! Who calls: a person by their session, or an agent or server on `/v1`. Identity says so for
//! every single call.

use std::{net::IpAddr, sync::Arc};

use axum::extract::FromRequestParts;
use axum_extra::extract::CookieJar;
use http::{HeaderMap, Method, Uri, header, request::Parts};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::{
    conversation::{Author, AuthorKind},
    identity::{
        Actor, ActorKind, Agent, AgentRole, AuthenticateRequest, authenticate_response::Caller,
    },
};

use crate::{
    address,
    app::App,
    openapi::Refuses,
    problem::{ApiError, from_service},
};

/// The cookie of an agent's login.
pub(crate) const COOKIE: &str = "onethread_session";

/// Somebody with a widget.
#[derive(Debug)]
pub(crate) struct Person {
    /// Organization (UUID).
    pub(crate) organization: String,
    /// Contact (UUID), which is the conversation's id as well.
    pub(crate) contact: String,
    /// Device (UUID).
    pub(crate) device: String,
    pub(crate) name: String,
    /// False while nothing of a visitor is stored.
    pub(crate) stored: bool,
    pub(crate) pre_chat_required: bool,
    pub(crate) blocked: bool,
    /// The session's token.
    pub(crate) token: String,
    /// IP address that the call comes from.
    pub(crate) address: String,
    /// Where the feed of revocations stood before identity was asked.
    pub(crate) asked_at: u64,
}

/// Somebody with a widget who sends a message: counted by device instead of address.
#[derive(Debug)]
pub(crate) struct Sender(pub(crate) Person);

/// Somebody who may use `/v1`.
#[derive(Debug)]
pub(crate) struct Staff {
    /// Organization (UUID).
    pub(crate) organization: String,
    /// An agent or a server.
    pub(crate) who: Who,
    /// The login's token or the API key.
    pub(crate) token: String,
    /// Where the feed of revocations stood before identity was asked.
    pub(crate) asked_at: u64,
}

/// A teammate who owns the organization.
#[derive(Debug)]
pub(crate) struct Owner {
    /// Organization (UUID).
    pub(crate) organization: String,
    /// Agent (UUID).
    pub(crate) id: String,
}

impl Owner {
    /// The caller as the one who changes something.
    pub(crate) fn actor(&self) -> Actor {
        Actor { kind: ActorKind::Agent.into(), id: self.id.clone() }
    }
}

/// An agent or a server.
#[derive(Debug)]
pub(crate) enum Who {
    /// A teammate.
    Agent(Agent),
    /// A company's server, by its key's id (UUID).
    Server(String),
}

impl Staff {
    /// The agent's or key's id (UUID).
    pub(crate) fn id(&self) -> &str {
        match &self.who {
            Who::Agent(agent) => &agent.id,
            Who::Server(key) => key,
        }
    }

    /// The caller as the one who changes something.
    pub(crate) fn actor(&self) -> Actor {
        let kind = match &self.who {
            Who::Agent(_) => ActorKind::Agent,
            Who::Server(_) => ActorKind::ApiKey,
        };
        Actor { kind: kind.into(), id: self.id().to_owned() }
    }

    /// The caller as author of a message.
    pub(crate) fn author(&self) -> Author {
        Author { kind: AuthorKind::Agent.into(), id: self.id().to_owned() }
    }

    /// The agent; a server is none.
    pub(crate) fn agent(self) -> Result<(Agent, String)> {
        match self.who {
            Who::Agent(agent) => Ok((agent, self.token)),
            Who::Server(_) => Err(Error::new(Reason::Forbidden)),
        }
    }
}

/// Whom a token speaks for, by organization, and what is asked once more while a stream lives. The
/// address is that of a person's call; of others none matters.
pub(crate) async fn authenticate(
    app: &App,
    token: &str,
    address: &str,
) -> Result<(String, Caller)> {
    authenticate_from(app, token, String::new(), address).await
}

/// The same for a call from a page of this origin.
async fn authenticate_from(
    app: &App,
    token: &str,
    origin: String,
    address: &str,
) -> Result<(String, Caller)> {
    let (credential, client_address) = (token.to_owned(), address.to_owned());
    let request = AuthenticateRequest { credential, origin, client_address };
    let answer = app.sessions().authenticate(request).await.map_err(from_service)?.into_inner();
    let caller = answer.caller.ok_or_else(|| Error::new(Reason::SessionEnded))?;
    Ok((answer.organization_id, caller))
}

impl FromRequestParts<Arc<App>> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        app.limits.other(client(parts, app))?;
        Ok(person(parts, app).await?)
    }
}

impl FromRequestParts<Arc<App>> for Sender {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let person = match person(parts, app).await {
            Ok(person) => person,
            // Without a device it is the address that is counted.
            Err(refused) => {
                app.limits.other(client(parts, app))?;
                return Err(refused.into());
            }
        };
        app.limits.message(&person.device)?;
        Ok(Self(person))
    }
}

/// What every credential may be refused with.
const OF_CREDENTIALS: [Reason; 4] =
    [Reason::SessionEnded, Reason::RateLimited, Reason::Unavailable, Reason::DeadlineExceeded];

impl Refuses for Person {
    fn reasons() -> Vec<Reason> {
        [&OF_CREDENTIALS[..], &[Reason::OriginRefused, Reason::Blocked]].concat()
    }
}

impl Refuses for Sender {
    fn reasons() -> Vec<Reason> {
        Person::reasons()
    }
}

impl Refuses for Staff {
    fn reasons() -> Vec<Reason> {
        [&OF_CREDENTIALS[..], &[Reason::Forbidden]].concat()
    }
}

impl Refuses for Owner {
    fn reasons() -> Vec<Reason> {
        Staff::reasons()
    }
}

fn client(parts: &Parts, app: &App) -> std::net::IpAddr {
    address::client(&parts.extensions, &parts.headers, &app.config.trusted_proxies)
}

async fn person(parts: &Parts, app: &App) -> Result<Person> {
    let ended = || Error::new(Reason::SessionEnded);
    let token = bearer(&parts.headers).ok_or_else(ended)?.to_owned();
    let asked_at = app.revocations.position();
    let origin = foreign_origin(&parts.headers, &parts.uri);
    let trusted = &app.config.trusted_proxies;
    let address = address::exact(&parts.extensions, &parts.headers, trusted).to_string();
    let (organization, caller) = authenticate_from(app, &token, origin, &address).await?;
    match caller {
        Caller::Visitor(visitor) => Ok(Person {
            organization,
            contact: visitor.contact_id,
            device: visitor.device_id,
            name: visitor.name,
            stored: visitor.stored,
            pre_chat_required: visitor.pre_chat_required,
            blocked: visitor.blocked,
            token,
            address,
            asked_at,
        }),
        Caller::Contact(contact) => Ok(Person {
            organization,
            contact: contact.contact_id,
            device: contact.device_id,
            name: contact.name,
            stored: true,
            pre_chat_required: false,
            blocked: contact.blocked,
            token,
            address,
            asked_at,
        }),
        Caller::Agent(_) | Caller::Server(_) => Err(ended()),
    }
}

impl FromRequestParts<Arc<App>> for Staff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let staff = staff(parts, app).await;
        match &staff {
            Ok(Self { who: Who::Server(key), .. }) => app.limits.api_key(key)?,
            _ => app.limits.other(client(parts, app))?,
        }
        Ok(staff?)
    }
}

impl FromRequestParts<Arc<App>> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let staff = Staff::from_request_parts(parts, app).await?;
        match staff.who {
            Who::Agent(agent) if agent.role() == AgentRole::Owner => {
                Ok(Self { organization: staff.organization, id: agent.id })
            }
            _ => Err(Error::new(Reason::Forbidden).into()),
        }
    }
}

async fn staff(parts: &Parts, app: &App) -> Result<Staff> {
    let token = match bearer(&parts.headers) {
        Some(token) => token.to_owned(),
        None if parts.headers.contains_key(header::AUTHORIZATION) => {
            return Err(Error::new(Reason::SessionEnded));
        }
        None => by_cookie(parts)?,
    };
    let asked_at = app.revocations.position();
    let (organization, caller) = authenticate(app, &token, "").await?;
    let who = match caller {
        Caller::Agent(agent) => Who::Agent(agent),
        Caller::Server(server) => Who::Server(server.api_key_id),
        Caller::Visitor(_) | Caller::Contact(_) => return Err(Error::new(Reason::Forbidden)),
    };
    Ok(Staff { organization, who, token, asked_at })
}

/// A browser sends its cookie whoever wrote the page, so a page that changes something by it has
/// to be ours.
fn by_cookie(parts: &Parts) -> Result<String> {
    let cookies = CookieJar::from_headers(&parts.headers);
    let cookie = cookies.get(COOKIE).ok_or_else(|| Error::new(Reason::SessionEnded))?;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if !reads && !of_our_origin(&parts.headers, &parts.uri) {
        return Err(Error::new(Reason::Forbidden).because("The Origin is another one's."));
    }
    Ok(cookie.value().to_owned())
}

fn of_our_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    // A proxy may speak plain HTTP to us, so the scheme says nothing.
    let origin = origin.and_then(|origin| Some(origin.split_once("://")?.1));
    let ours = host(headers, uri);
    matches!((origin, ours), (Some(origin), Some(ours)) if origin.eq_ignore_ascii_case(ours))
}

/// Origin of a page of another site that calls, as its browser says it; empty for our own pages,
/// the widget's frame among them, and for whatever is no page.
pub(crate) fn foreign_origin(headers: &HeaderMap, uri: &Uri) -> String {
    let said = headers.get(header::ORIGIN).filter(|_| !of_our_origin(headers, uri));
    // What is no text is no origin that anybody listed.
    said.map(|origin| origin.to_str().unwrap_or("?").to_owned()).unwrap_or_default()
}

/// The host that the client asked for, with its port where it said one.
pub(crate) fn host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

/// Whether the client asked this very machine.
pub(crate) fn is_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = host(headers, uri).unwrap_or_default();
    // The port goes; a bare IPv6 address stands in brackets.
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    let address = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    address || name.eq_ignore_ascii_case("localhost")
}

/// Where the client's pages find this server: over TLS, unless it is this very machine.
pub(crate) fn server(headers: &HeaderMap, uri: &Uri) -> String {
    let scheme = if is_loopback(headers, uri) { "http" } else { "https" };
    let host = host(headers, uri).unwrap_or_default();
    // What is no host's letter has no place in a page.
    let host = host.chars().filter(|c| c.is_ascii_alphanumeric() || "-.:[]_".contains(*c));
    format!("{scheme}://{}", host.collect::<String>())
}

/// The token of the `Authorization` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(host: &'static str, origin: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("host", host.parse().unwrap());
        headers.insert("origin", origin.parse().unwrap());
        of_our_origin(&headers, &Uri::from_static("/v1/logout"))
    }

    #[test]
    fn an_origin_is_ours_by_host_and_port() {
        assert!(ours("chat.example.com", "https://chat.example.com"));
        assert!(ours("127.0.0.1:8080", "http://127.0.0.1:8080"));
        for other in [
            "null",
            "https://example.com",
            "https://chat.example.com.evil.example",
            "https://evil.example/chat.example.com",
            "https://chat.example.com:8443",
        ] {
            assert!(!ours("chat.example.com", other), "{other}");
        }
        assert!(!of_our_origin(&HeaderMap::new(), &Uri::from_static("/")));
    }

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

    #[test]
    fn only_a_bearer_token_is_one() {
        let token = |value: &'static str| {
            bearer(&HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]))
                .map(str::to_owned)
        };
        assert_eq!(token("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(token("bearer  abc"), Some("abc".to_owned()));
        assert_eq!(token("Basic abc"), None);
        assert_eq!(token("Bearer "), None);
    }
}
