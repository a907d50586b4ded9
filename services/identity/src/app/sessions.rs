//! Visitors' sessions, and the end of any widget's session.

use onethread_core::{DeviceId, Timestamp};
use onethread_errors::{Error, Reason, Result};

use super::{App, identify::fresh_device};
use crate::{
    domain::{
        application::Application,
        contact::{Contact, Source},
        session::{Session, stands},
        tokens::{DeviceToken, SessionToken, VISITOR_LIFE, VisitorToken},
        visitor::Slot,
    },
    store::SessionRows,
};

impl App {
    /// The session of a visitor.
    pub(super) fn visitor_session(
        &self,
        application: &Application,
        device: DeviceToken,
        contact: Contact,
        stored: bool,
        now: Timestamp,
    ) -> Session {
        let device_token = self.keys.sign_device(&device);
        let token = VisitorToken { application_id: application.id, device };
        Session {
            token: self.keys.sign_session(&SessionToken::Visitor(token)),
            expires_at: now.plus(VISITOR_LIFE),
            device_token,
            identified: false,
            stored,
            show_form: application.form.asks() && contact.form_at.is_none(),
            form: application.form.clone(),
            settings: application.settings(),
            contact,
            warnings: Vec::new(),
        }
    }

    /// The visitor a token speaks for, with the row, where there is one. Fails when the visitor
    /// has become somebody, or the device has logged out.
    pub(super) async fn live_visitor(&self, token: &VisitorToken) -> Result<Option<Contact>> {
        let rows = self.store.visitor(token.device.organization_id, &token.device).await?;
        match rows.slot(&token.device) {
            Slot::Open(row) => Ok(row.map(|row| *row)),
            Slot::Retired | Slot::Over(_) => Err(Error::new(Reason::SessionEnded)),
        }
    }

    /// Ends the session of a contact or visitor, and gives the device a fresh visitor's.
    pub(crate) async fn log_out(&self, token: &str) -> Result<Session> {
        let ended = || Error::new(Reason::SessionEnded);
        let now = self.clock.now();
        let (of, application_id, device_id) = match self.keys.read_session(token, now) {
            Some(SessionToken::Visitor(token)) => {
                self.live_visitor(&token).await?;
                (token.device.organization_id, token.application_id, token.device.device_id)
            }
            Some(SessionToken::Contact(token)) => {
                let (of, device) = (token.organization_id, token.device_id);
                let held = self.store.session_rows(of, device, token.contact_id, None).await?;
                let SessionRows { rows, enforced, .. } = held;
                rows.filter(|(device, contact)| stands(&token, device, contact, enforced, now))
                    .ok_or_else(ended)?;
                (of, token.application_id, token.device_id)
            }
            None => return Err(ended()),
        };
        let application = self.store.application(of, application_id).await?.ok_or_else(ended)?;
        self.store.retire_device(of, device_id, now).await?;
        let fresh = DeviceId::generate(&*self.clock, &*self.entropy);
        let device = fresh_device(of, fresh, now.seconds());
        let contact = Contact::new(of, device.visitor_id, Source::Visitor, now);
        Ok(self.visitor_session(&application, device, contact, false, now))
    }
}
