//! Visitors' sessions, and logging out.

use onethread_core::{DeviceId, OrganizationId, Timestamp};
use onethread_db::{Error as DbError, transaction};
use onethread_errors::{Error, Result};

use super::{authenticate::session_ended, identify::new_device};
use crate::{
    app::App,
    contact::{
        domain::contact::{Contact, Source},
        store::contacts,
    },
    domain::{
        effects::Effects,
        tokens::{DeviceToken, SessionToken, VISITOR_LIFE, VisitorToken},
    },
    organization::domain::application::Application,
    session::{
        domain::{
            session::{Device, Session},
            visitor::VisitorState,
        },
        store::{devices, sessions},
    },
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

    /// The state of a device token's visitor.
    pub(super) async fn visitor_state(&self, token: &DeviceToken) -> Result<VisitorState> {
        let mut conn = self.db.reader("visitor.get").await?;
        let rows = sessions::read_visitor(&mut conn, token.organization_id, token).await?;
        Ok(rows.state(token))
    }

    /// The row of a token's visitor, if it has one.
    ///
    /// # Errors
    ///
    /// `SessionEnded` when the visitor became a contact, or the device logged out.
    pub(super) async fn active_visitor(&self, token: &VisitorToken) -> Result<Option<Contact>> {
        match self.visitor_state(&token.device).await? {
            VisitorState::Active(row) => Ok(row.map(|row| *row)),
            VisitorState::DeviceRetired | VisitorState::Ended { .. } => Err(session_ended()),
        }
    }

    /// Changes a visitor's row. Inserts it where there is none, unless the visitor has ended.
    ///
    /// # Errors
    ///
    /// `SessionEnded` when it has.
    pub(super) async fn change_visitor(
        &self,
        token: &VisitorToken,
        change: impl Fn(&mut Contact) + Send + Sync,
    ) -> Result<Contact> {
        let (organization, id) = (token.device.organization_id, token.device.visitor_id);
        let now = self.clock.now();
        transaction!(self.db, "visitor.change", |tx| {
            let before = contacts::locked_by_id(tx, organization, id).await?;
            let new = || Contact::new(organization, id, Source::Visitor, now);
            let mut visitor = before.clone().unwrap_or_else(new);
            if !visitor.is_visitor() {
                return Err(session_ended());
            }
            change(&mut visitor);
            if before.is_none() {
                // A login that ends the visitor waits for its row among devices, or was first and
                // left it.
                let device = Device {
                    organization_id: organization,
                    id: DeviceId(id.0),
                    contact_id: None,
                    epoch: 0,
                    platform: visitor.platform.clone(),
                    last_seen_at: now,
                    retired: false,
                };
                if !devices::insert(tx, &device).await? {
                    let device = devices::locked_by_id(tx, organization, device.id).await?;
                    if device.is_some_and(|device| device.ends_visitor()) {
                        return Err(session_ended());
                    }
                }
            }
            self.save_contact(tx, before.as_ref(), &visitor).await?;
            Ok(visitor)
        })
    }

    /// Ends the session of a contact, and retires the device. Returns the session of a new visitor
    /// on a new device. A visitor, who isn't logged in, stays the same visitor.
    ///
    /// # Errors
    ///
    /// `SessionEnded` when it has ended already.
    pub(crate) async fn log_out(&self, token: &str) -> Result<Session> {
        let now = self.clock.now();
        let token = match self.keys.read_session(token, now).ok_or_else(session_ended)? {
            SessionToken::Contact(token) => token,
            SessionToken::Visitor(token) => return self.renew_visitor(token).await,
        };
        let organization = token.organization_id;
        self.session_rows(&token, None).await?;
        let application = self.session_application(organization, token.application_id).await?;
        self.retire_device(organization, token.device_id).await?;
        let new = DeviceId::generate(&*self.clock, &*self.entropy);
        let device = new_device(organization, new, now.seconds());
        let visitor = Contact::new(organization, device.visitor_id, Source::Visitor, now);
        Ok(self.visitor_session(&application, device, visitor, false, now))
    }

    /// The session of the same visitor, from now on.
    async fn renew_visitor(&self, token: VisitorToken) -> Result<Session> {
        let row = self.active_visitor(&token).await?;
        let (organization, now) = (token.device.organization_id, self.clock.now());
        let application = self.session_application(organization, token.application_id).await?;
        let stored = row.is_some();
        let new = || Contact::new(organization, token.device.visitor_id, Source::Visitor, now);
        let visitor = row.unwrap_or_else(new);
        Ok(self.visitor_session(&application, token.device, visitor, stored, now))
    }

    /// Ends the sessions on a device. None begins on it again.
    async fn retire_device(&self, organization: OrganizationId, id: DeviceId) -> Result<()> {
        let now = self.clock.now();
        transaction!(self.db, "device.retire", |tx| {
            let before = devices::locked_by_id(tx, organization, id).await?;
            let device = Device {
                organization_id: organization,
                id,
                contact_id: None,
                epoch: before.as_ref().map_or(0, |device| device.epoch) + 1,
                platform: before.as_ref().map(|device| device.platform.clone()).unwrap_or_default(),
                last_seen_at: now,
                retired: true,
            };
            if before.is_some() {
                devices::update(tx, &device).await?;
            } else if !devices::insert(tx, &device).await? {
                return Err(Error::from(DbError::Conflict));
            }
            let mut effects = Effects::none().revoke(id.0);
            if let Some(contact) = before.and_then(|device| device.contact_id) {
                // A merge into the contact waits until this session has ended everywhere.
                effects = effects.revoke(contact.0);
            }
            self.record(tx, organization, effects).await?;
            Ok(())
        })
    }
}
