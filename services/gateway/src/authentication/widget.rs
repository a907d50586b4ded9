//! Callers of `/widget/v1`: visitors and contacts.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use onethread_core::{ContactId, ConversationId, DeviceId, OrganizationId};
use onethread_errors::{Error, Reason, Result};
use onethread_proto::{
    conversation::{Author, AuthorKind},
    identity::{AuthenticateRequest, authenticate_response::Caller},
};

use super::{
    CREDENTIAL_REASONS, authenticate_cached, authenticate_request, bearer, client_address,
};
use crate::{address, app::App, clients::answered_id, openapi::Rejects, origin, problem::ApiError};

/// A visitor or contact.
#[derive(Debug)]
pub(crate) struct WidgetCaller {
    pub(crate) organization: OrganizationId,
    pub(crate) contact: ContactId,
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    /// False while no row of a visitor is stored.
    pub(crate) is_stored: bool,
    pub(crate) pre_chat_required: bool,
    pub(crate) is_blocked: bool,
    /// The session's token.
    pub(crate) token: String,
    /// IP address that the call comes from.
    pub(crate) address: String,
    /// Position of the revocation feed before identity was asked.
    pub(crate) feed_position: u64,
}

impl WidgetCaller {
    /// The caller's conversation.
    pub(crate) fn conversation(&self) -> ConversationId {
        ConversationId::of_contact(self.contact)
    }

    /// The caller as author of a message.
    pub(crate) fn author(&self) -> Author {
        Author { kind: AuthorKind::Contact.into(), id: self.contact.to_string() }
    }
}

/// A visitor or contact who sends a message: it has rate limits of its own, by device and by address.
#[derive(Debug)]
pub(crate) struct MessageSender(pub(crate) WidgetCaller);

impl FromRequestParts<Arc<App>> for WidgetCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        app.limits.other(client_address(parts, app))?;
        Ok(widget_caller(parts, app).await?)
    }
}

impl FromRequestParts<Arc<App>> for MessageSender {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let from = client_address(parts, app);
        let caller = match widget_caller(parts, app).await {
            Ok(caller) => caller,
            // Without a device the address is counted.
            Err(rejected) => {
                app.limits.other(from)?;
                return Err(rejected.into());
            }
        };
        app.limits.message(caller.device, from)?;
        Ok(Self(caller))
    }
}

async fn widget_caller(parts: &Parts, app: &App) -> Result<WidgetCaller> {
    let ended = || Error::new(Reason::SessionEnded);
    let token = bearer(&parts.headers).ok_or_else(ended)?.to_owned();
    let trusted = &app.config.trusted_proxies;
    let address = address::exact(&parts.extensions, &parts.headers, trusted).to_string();
    let origin = origin::foreign_origin(&parts.headers, &parts.uri);
    let request = AuthenticateRequest { origin, ..authenticate_request(&token, &address) };
    let authentication = authenticate_cached(app, request).await?;
    let (organization, feed_position) = (authentication.organization, authentication.feed_position);
    match &authentication.caller {
        Caller::Visitor(visitor) => Ok(WidgetCaller {
            organization,
            contact: answered_id(&visitor.contact_id)?,
            device: answered_id(&visitor.device_id)?,
            name: visitor.name.clone(),
            is_stored: visitor.stored,
            pre_chat_required: visitor.pre_chat_required,
            is_blocked: visitor.blocked,
            token,
            address,
            feed_position,
        }),
        Caller::Contact(contact) => Ok(WidgetCaller {
            organization,
            contact: answered_id(&contact.contact_id)?,
            device: answered_id(&contact.device_id)?,
            name: contact.name.clone(),
            is_stored: true,
            pre_chat_required: false,
            is_blocked: contact.blocked,
            token,
            address,
            feed_position,
        }),
        Caller::Agent(_) | Caller::Server(_) => Err(ended()),
    }
}

impl Rejects for WidgetCaller {
    fn reasons() -> Vec<Reason> {
        [&CREDENTIAL_REASONS[..], &[Reason::OriginRefused, Reason::Blocked]].concat()
    }
}

impl Rejects for MessageSender {
    fn reasons() -> Vec<Reason> {
        WidgetCaller::reasons()
    }
}
