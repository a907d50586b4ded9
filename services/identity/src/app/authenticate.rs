//! Who a credential speaks for.

use std::net::IpAddr;

use onethread_core::{ApplicationId, OrganizationId};
use onethread_errors::{Error, Reason, Result};

use super::{App, blocked_addresses::address_blocked};
use crate::{
    domain::{
        contact::{Contact, Source, TOUCH_EVERY},
        session::{Caller, stands},
        tokens::{ContactToken, RandomToken, RandomUse, SessionToken, VisitorToken},
    },
    store::SessionRows,
};

/// Where a person's call comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CallSource<'a> {
    /// Of a page of another site, else empty.
    pub(crate) origin: &'a str,
    /// If it is known.
    pub(crate) address: Option<IpAddr>,
}

impl App {
    /// Says who a credential speaks for. Where the call comes from concerns people alone.
    pub(crate) async fn authenticate(
        &self,
        credential: &str,
        source: CallSource<'_>,
    ) -> Result<Caller> {
        let ended = || Error::new(Reason::SessionEnded);
        let now = self.clock.now();
        if let Some(token) = RandomToken::read(RandomUse::Login, credential) {
            let agent = self.store.agent_by_login(token, now).await?;
            return agent.map(Caller::Agent).ok_or_else(ended);
        }
        if let Some(token) = RandomToken::read(RandomUse::ApiKey, credential) {
            return self.store.api_key(token).await?.map(Caller::Server).ok_or_else(ended);
        }
        match self.keys.read_session(credential, now).ok_or_else(ended)? {
            SessionToken::Visitor(token) => self.visitor_caller(token, source).await,
            SessionToken::Contact(token) => self.contact_caller(token, source).await,
        }
    }

    async fn visitor_caller(&self, token: VisitorToken, source: CallSource<'_>) -> Result<Caller> {
        let row = self.live_visitor(&token).await?;
        let of = token.device.organization_id;
        self.check_address(of, source.address).await?;
        self.check_origin(of, token.application_id, source.origin).await?;
        let form_due = match &row {
            Some(row) if row.form_at.is_some() => false,
            _ => {
                let application = self.store.application(of, token.application_id).await?;
                application.ok_or_else(|| Error::new(Reason::SessionEnded))?.form.asks()
            }
        };
        let stored = row.is_some();
        let blank = || Contact::new(of, token.device.visitor_id, Source::Visitor, self.clock.now());
        Ok(Caller::Visitor {
            contact: row.unwrap_or_else(blank),
            stored,
            device_id: token.device.device_id,
            form_due,
        })
    }

    async fn contact_caller(&self, token: ContactToken, source: CallSource<'_>) -> Result<Caller> {
        let now = self.clock.now();
        let (of, device_id) = (token.organization_id, token.device_id);
        let address = source.address;
        let held = self.store.session_rows(of, device_id, token.contact_id, address).await?;
        let SessionRows { rows, enforced, blocked } = held;
        let (device, contact) = rows
            .filter(|(device, contact)| stands(&token, device, contact, enforced, now))
            .ok_or_else(|| Error::new(Reason::SessionEnded))?;
        if blocked {
            return Err(address_blocked());
        }
        self.check_origin(of, token.application_id, source.origin).await?;
        // Use prolongs a session; once a minute is exact enough for a day.
        if now.since(device.last_seen_at) >= TOUCH_EVERY {
            self.store.touch_device(of, device_id, now).await?;
        }
        Ok(Caller::Contact { contact, device_id })
    }

    /// The widget's own frame and apps have no origin, and need no application here.
    async fn check_origin(
        &self,
        of: OrganizationId,
        application: ApplicationId,
        origin: &str,
    ) -> Result<()> {
        if origin.is_empty() {
            return Ok(());
        }
        let application = self.store.application(of, application).await?;
        let application = application.ok_or_else(|| Error::new(Reason::SessionEnded))?;
        let taken = application.takes(origin);
        if taken { Ok(()) } else { Err(Error::new(Reason::OriginRefused)) }
    }
}
