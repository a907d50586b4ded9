//! Who a credential authenticates.

use std::net::IpAddr;

use onethread_core::{ApplicationId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use crate::{
    app::App,
    contact::domain::contact::{Contact, Source, TOUCH_INTERVAL},
    domain::tokens::{ContactToken, RandomToken, RandomUse, SessionToken, VisitorToken},
    organization::{
        app::blocked_addresses::address_blocked, domain::application::Application,
        store::applications,
    },
    session::{
        domain::session::{Caller, Device, is_session_valid},
        store::{
            devices,
            sessions::{self, SessionRows},
        },
    },
    team::store::{api_keys, logins},
};

/// The origin of a widget's call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallSource<'a> {
    /// Of a page of another site, else empty.
    pub(crate) origin: &'a str,
    /// The address of the caller, if it is known.
    pub(crate) address: Option<IpAddr>,
}

impl App {
    /// The caller that a credential authenticates. The source is checked for contacts and
    /// visitors only.
    ///
    /// # Errors
    ///
    /// `SessionEnded`, `Blocked`, `OriginRefused`.
    pub(crate) async fn authenticate(
        &self,
        credential: &str,
        source: CallSource<'_>,
    ) -> Result<Caller> {
        let now = self.clock.now();
        if let Some(token) = RandomToken::read(RandomUse::Login, credential) {
            let mut conn = self.db.reader("login.get").await?;
            let account = logins::agent_by_token(&mut conn, &token, now).await?;
            return account.map(|account| Caller::Agent(account.agent)).ok_or_else(session_ended);
        }
        if let Some(token) = RandomToken::read(RandomUse::ApiKey, credential) {
            let mut conn = self.db.reader("api_key.get").await?;
            let key = api_keys::by_token(&mut conn, &token).await?;
            return key.map(Caller::Server).ok_or_else(session_ended);
        }
        match self.keys.read_session(credential, now).ok_or_else(session_ended)? {
            SessionToken::Visitor(token) => self.visitor_caller(token, source).await,
            SessionToken::Contact(token) => self.contact_caller(token, source).await,
        }
    }

    /// The contact or visitor of a session, and whether it has a row.
    ///
    /// # Errors
    ///
    /// `SessionEnded`, also for the credential of an agent or a server.
    pub(crate) async fn session_contact(&self, token: &str) -> Result<(Contact, bool)> {
        match self.authenticate(token, CallSource::default()).await? {
            Caller::Visitor { contact, stored, .. } => Ok((contact, stored)),
            Caller::Contact { contact, .. } => Ok((contact, true)),
            Caller::Agent(_) | Caller::Server(_) => Err(session_ended()),
        }
    }

    async fn visitor_caller(&self, token: VisitorToken, source: CallSource<'_>) -> Result<Caller> {
        let row = self.active_visitor(&token).await?;
        let organization = token.device.organization_id;
        self.check_address(organization, source.address).await?;
        self.check_origin(organization, token.application_id, source.origin).await?;
        let has_form = row.as_ref().is_some_and(|row| row.form_at.is_some());
        let form_required = !has_form
            && self.session_application(organization, token.application_id).await?.form.asks();
        let stored = row.is_some();
        let (id, now) = (token.device.visitor_id, self.clock.now());
        let new = || Contact::new(organization, id, Source::Visitor, now);
        Ok(Caller::Visitor {
            contact: row.unwrap_or_else(new),
            stored,
            device_id: token.device.device_id,
            form_required,
        })
    }

    async fn contact_caller(&self, token: ContactToken, source: CallSource<'_>) -> Result<Caller> {
        let now = self.clock.now();
        let (organization, device_id) = (token.organization_id, token.device_id);
        let (device, contact) = self.session_rows(&token, source.address).await?;
        self.check_origin(organization, token.application_id, source.origin).await?;
        // Use prolongs a session. Once a minute is precise enough for a day.
        if now.since(device.last_seen_at) >= TOUCH_INTERVAL {
            let mut conn = self.db.writer("device.touch").await?;
            devices::touch(&mut conn, organization, device_id, now).await?;
        }
        Ok(Caller::Contact { contact, device_id })
    }

    /// The rows of a valid session that is used from this address.
    ///
    /// # Errors
    ///
    /// `SessionEnded`, or `Blocked` for the address.
    pub(super) async fn session_rows(
        &self,
        token: &ContactToken,
        address: Option<IpAddr>,
    ) -> Result<(Device, Contact)> {
        let mut conn = self.db.reader("session.get").await?;
        let read = sessions::read(&mut conn, token, address);
        let SessionRows { rows, rules, is_address_blocked } = read.await?;
        let now = self.clock.now();
        let is_valid = |(device, contact): &(Device, Contact)| {
            rules.allow(token) && is_session_valid(token, device, contact, rules.enforced, now)
        };
        let rows = rows.filter(is_valid).ok_or_else(session_ended)?;
        if is_address_blocked { Err(address_blocked()) } else { Ok(rows) }
    }

    /// The widget's own frame and apps have no origin, and need no application here.
    async fn check_origin(
        &self,
        organization: OrganizationId,
        application: ApplicationId,
        origin: &str,
    ) -> Result<()> {
        if origin.is_empty() {
            return Ok(());
        }
        let application = self.session_application(organization, application).await?;
        if application.allows_origin(origin) {
            Ok(())
        } else {
            Err(Error::new(Reason::OriginRefused))
        }
    }

    /// The application of a session.
    ///
    /// # Errors
    ///
    /// `SessionEnded` when the application was deleted.
    pub(super) async fn session_application(
        &self,
        organization: OrganizationId,
        id: ApplicationId,
    ) -> Result<Application> {
        let mut conn = self.db.reader("application.get").await?;
        applications::by_id(&mut conn, organization, id).await?.ok_or_else(session_ended)
    }
}

pub(super) fn session_ended() -> Error {
    Error::new(Reason::SessionEnded)
}
