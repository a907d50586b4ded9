//! Who calls: a person by their session, or an agent or server on `/v1`. Identity says so; what it
//! said a moment ago is trusted, except by calls that change who may do what.

use std::{net::IpAddr, sync::Arc};

use axum::extract::{FromRequestParts, MatchedPath};
use axum_extra::extract::CookieJar;
use http::{HeaderMap, Method, Uri, header, request::Parts};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::{
    conversation::{Author, AuthorKind},
    identity::{
        Actor, ActorKind, Agent, AgentRole, AuthenticateRequest, authenticate_response::Caller,
    },
};
use tokio::time::Instant;

use crate::{
    address,
    app::App,
    openapi::Refuses,
    problem::{ApiError, from_service},
    trust::{Key, Known},
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

/// Who asks: a credential with where a person's call comes from. Of others that doesn't matter.
pub(crate) fn asking(token: &str, address: &str) -> AuthenticateRequest {
    let (credential, client_address) = (token.to_owned(), address.to_owned());
    AuthenticateRequest { credential, client_address, ..AuthenticateRequest::default() }
}

/// Asks identity whom a credential speaks for, by organization.
pub(crate) async fn authenticate(
    app: &App,
    asked: AuthenticateRequest,
) -> Result<(String, Caller)> {
    let answer = app.sessions().authenticate(asked).await.map_err(from_service)?.into_inner();
    let caller = answer.caller.ok_or_else(|| Error::new(Reason::SessionEnded))?;
    Ok((answer.organization_id, caller))
}

/// The same, where it is not known from a moment ago.
async fn known(app: &App, asked: AuthenticateRequest) -> Result<Arc<Known>> {
    let key = Key::of(&asked);
    match app.trust.look_up(key, &app.revocations) {
        Some(known) => Ok(known),
        None => learn(app, key, asked).await,
    }
}

/// The same, whatever is known.
async fn learn(app: &App, key: Key, asked: AuthenticateRequest) -> Result<Arc<Known>> {
    let (now, asked_at) = (Instant::now(), app.revocations.position());
    let (organization, caller) = authenticate(app, asked).await?;
    let known = Arc::new(Known { organization, caller, asked_at });
    app.trust.keep(key, now, &known);
    Ok(known)
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
    let trusted = &app.config.trusted_proxies;
    let address = address::exact(&parts.extensions, &parts.headers, trusted).to_string();
    let origin = foreign_origin(&parts.headers, &parts.uri);
    let known = known(app, AuthenticateRequest { origin, ..asking(&token, &address) }).await?;
    let (organization, asked_at) = (known.organization.clone(), known.asked_at);
    match &known.caller {
        Caller::Visitor(visitor) => Ok(Person {
            organization,
            contact: visitor.contact_id.clone(),
            device: visitor.device_id.clone(),
            name: visitor.name.clone(),
            stored: visitor.stored,
            pre_chat_required: visitor.pre_chat_required,
            blocked: visitor.blocked,
            token,
            address,
            asked_at,
        }),
        Caller::Contact(contact) => Ok(Person {
            organization,
            contact: contact.contact_id.clone(),
            device: contact.device_id.clone(),
            name: contact.name.clone(),
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
        counted_staff(parts, app, is_everyday(parts)).await
    }
}

impl FromRequestParts<Arc<App>> for Owner {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let staff = counted_staff(parts, app, false).await?;
        match staff.who {
            Who::Agent(agent) if agent.role() == AgentRole::Owner => {
                Ok(Self { organization: staff.organization, id: agent.id })
            }
            _ => Err(Error::new(Reason::Forbidden).into()),
        }
    }
}

/// What reads, and what is said in conversations, changes nothing of who may do what.
fn is_everyday(parts: &Parts) -> bool {
    let route = parts.extensions.get::<MatchedPath>();
    matches!(parts.method, Method::GET | Method::HEAD)
        || route.is_some_and(|route| route.as_str().starts_with("/v1/conversations/"))
}

async fn counted_staff(parts: &Parts, app: &App, trusting: bool) -> Result<Staff, ApiError> {
    let staff = staff(parts, app, trusting).await;
    match &staff {
        Ok(Staff { who: Who::Server(key), .. }) => app.limits.api_key(key)?,
        _ => app.limits.other(client(parts, app))?,
    }
    Ok(staff?)
}

async fn staff(parts: &Parts, app: &App, trusting: bool) -> Result<Staff> {
    let token = match bearer(&parts.headers) {
        Some(token) => token.to_owned(),
        None if parts.headers.contains_key(header::AUTHORIZATION) => {
            return Err(Error::new(Reason::SessionEnded));
        }
        None => by_cookie(parts)?,
    };
    let asked = asking(&token, "");
    let known = if trusting {
        known(app, asked).await?
    } else {
        learn(app, Key::of(&asked), asked).await?
    };
    let who = match &known.caller {
        Caller::Agent(agent) => Who::Agent(agent.clone()),
        Caller::Server(server) => Who::Server(server.api_key_id.clone()),
        Caller::Visitor(_) | Caller::Contact(_) => return Err(Error::new(Reason::Forbidden)),
    };
    let (organization, asked_at) = (known.organization.clone(), known.asked_at);
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
