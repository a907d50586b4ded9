//! Who calls: a visitor or contact by a session, or an agent or server on `/v1`. Identity decides;
//! its answers are cached for a moment ([`AuthenticationCache`]), except for calls that change who
//! may do what.

mod api;
mod cache;
mod widget;

use std::{net::IpAddr, sync::Arc};

use http::{HeaderMap, header, request::Parts};
use onethread_core::OrganizationId;
use onethread_errors::{Error, Reason, Result};
use onethread_proto::identity::{AuthenticateRequest, authenticate_response::Caller};
use onethread_telemetry::spans;
use tokio::time::Instant;
use tracing::Span;

pub(crate) use api::{ApiCaller, ApiCallerKind, COOKIE, Owner, cookie_name};
pub(crate) use cache::{Authentication, AuthenticationCache, CacheKey, subjects};
pub(crate) use widget::{MessageSender, WidgetCaller};

use crate::{address, app::App, clients::answered_id};

/// Reasons for which any credential may be rejected.
const CREDENTIAL_REASONS: [Reason; 4] =
    [Reason::SessionEnded, Reason::RateLimited, Reason::Unavailable, Reason::DeadlineExceeded];

/// The question to identity: a credential, with the address of a widget's call. For other callers
/// the address doesn't matter.
pub(crate) fn authenticate_request(token: &str, address: &str) -> AuthenticateRequest {
    let (credential, client_address) = (token.to_owned(), address.to_owned());
    AuthenticateRequest { credential, client_address, ..AuthenticateRequest::default() }
}

/// Asks identity who a credential authenticates.
///
/// # Errors
///
/// `SessionEnded` for an unknown credential, and the other reasons for which identity rejects it.
pub(crate) async fn authenticate(
    app: &App,
    request: AuthenticateRequest,
) -> Result<(OrganizationId, Caller)> {
    let answer = app.clients.sessions().authenticate(request).await.map_err(Error::from)?;
    let answer = answer.into_inner();
    let caller = answer.caller.ok_or_else(|| Error::new(Reason::SessionEnded))?;
    Ok((answered_id(&answer.organization_id)?, caller))
}

/// The same from the cache, if it has an answer.
async fn authenticate_cached(
    app: &App,
    request: AuthenticateRequest,
) -> Result<Arc<Authentication>> {
    let key = CacheKey::new(&request);
    match app.authentications.get(key, &app.revocations) {
        Some(authentication) => {
            spans::set_organization(&Span::current(), authentication.organization);
            Ok(authentication)
        }
        None => authenticate_and_cache(app, key, request).await,
    }
}

/// The same without a look at the cache, for which the answer is new.
async fn authenticate_and_cache(
    app: &App,
    key: CacheKey,
    request: AuthenticateRequest,
) -> Result<Arc<Authentication>> {
    let (requested_at, feed_position) = (Instant::now(), app.revocations.position());
    let (organization, caller) = authenticate(app, request).await?;
    spans::set_organization(&Span::current(), organization);
    let authentication = Arc::new(Authentication { organization, caller, feed_position });
    app.authentications.insert(key, requested_at, &authentication);
    Ok(authentication)
}

fn client_address(parts: &Parts, app: &App) -> IpAddr {
    address::client(&parts.extensions, &parts.headers, &app.config.trusted_proxies)
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

    #[test]
    fn only_a_bearer_token_is_read() {
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
