//! Starting the widget.

use std::{net::IpAddr, sync::Arc};

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};
use onethread_errors::{Error, Reason, Result};
use subtle::ConstantTimeEq;
use tracing::warn;
use uuid::Uuid;

use super::App;
use crate::{
    domain::{
        application::Application,
        contact::{Contact, Context, Source},
        login::{Decision, LoggedIn, Login},
        said::{Said, UserClaims},
        session::Session,
        tokens::{CONTACT_LIFE, DeviceToken, SessionToken},
        visitor::Slot,
    },
    store::{Named, Opening},
};

/// Which application, in one of two spellings.
pub(crate) enum ApplicationRef {
    Numbered { number: i64, secret: String },
    AppId(String),
}

/// What a page starts the widget with.
pub(crate) struct IdentifyCommand {
    pub(crate) organization: String,
    pub(crate) application: Option<ApplicationRef>,
    pub(crate) user: UserClaims,
    pub(crate) device_token: String,
    pub(crate) context: Context,
    /// Of the page, where it is another site's.
    pub(crate) origin: String,
    /// Where the call comes from, if it is known.
    pub(crate) address: Option<IpAddr>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) enum Identified {
    /// A visitor's session, or a contact's; and whose sessions have to be looked at again.
    In(Session, Vec<Uuid>),
    /// A clean visitor's session, as the identity was not proven.
    Refused(Session),
}

impl App {
    /// Answers the application that was named, too.
    pub(crate) async fn identify(
        &self,
        command: IdentifyCommand,
    ) -> Result<(ApplicationId, Identified)> {
        let opening = self.find_opening(&command).await?;
        Ok((opening.application.id, self.identify_at(&opening, command).await?))
    }

    async fn identify_at(&self, opening: &Opening, command: IdentifyCommand) -> Result<Identified> {
        let application = &opening.application;
        if !application.takes(&command.origin) {
            return Err(Error::new(Reason::OriginRefused));
        }
        if opening.blocks {
            self.check_address(application.organization_id, command.address).await?;
        }
        let said = Said::read(&command.user)?;
        let of = application.organization_id;
        let now = self.clock.now();
        let device = self.keys.read_device(&command.device_token, of, now);
        let Some(user_id) = said.user_id.clone() else {
            let session = self.open_visitor(application, device, said, command.context).await?;
            return Ok(Identified::In(session, Vec::new()));
        };
        let login = Login {
            organization_id: of,
            application_id: application.id,
            user_id,
            proofs: said.proofs,
            profile: said.profile,
            warnings: said.warnings,
            device,
            context: command.context,
            now,
            new_contact: ContactId::generate(&*self.clock, &*self.entropy),
            new_device: DeviceId::generate(&*self.clock, &*self.entropy),
            new_visitor: ContactId::generate(&*self.clock, &*self.entropy),
        };
        let decision = self.store.log_in(login, self.keys.clone()).await?;
        if decision.is_counted() {
            let counted = self.store.count_refusal(of, application.id, now).await;
            // Whoever waits for the answer is not to blame for a count that can't be written.
            if let Err(error) = counted {
                warn!(cause = Error::from(error).chain(), "a refusal is not counted");
            }
        }
        Ok(match decision {
            Decision::Refused => Identified::Refused(self.clean_session(application, now)),
            Decision::In(mut person) => {
                let revoked = std::mem::take(&mut person.revoked);
                if let Some(joined) = &person.joined {
                    self.wait_for_fold(of, joined.id).await;
                }
                Identified::In(self.contact_session(application, *person, now), revoked)
            }
        })
    }

    /// Unknown organization, application or secret: one and the same answer, by one and the same
    /// statement. What is kept answers only those who know all three.
    async fn find_opening(&self, command: &IdentifyCommand) -> Result<Arc<Opening>> {
        let unknown = || Error::new(Reason::UnknownApplication);
        let organization = command.organization.clone();
        let (name, secret) = match &command.application {
            Some(ApplicationRef::Numbered { number, secret }) => {
                (Named::Number(organization, *number), Some(secret.as_bytes()))
            }
            Some(ApplicationRef::AppId(id)) => {
                (Named::Id(organization, id.parse().map_err(|_| unknown())?), None)
            }
            None => return Err(unknown()),
        };
        let right = |found: &Arc<Opening>| {
            let held = found.application.secret.as_bytes();
            secret.is_none_or(|secret| held.ct_eq(secret).into())
        };
        if let Some(kept) = self.store.kept_opening(&name).filter(right) {
            return Ok(kept);
        }
        self.store.opening(name).await?.filter(right).ok_or_else(unknown)
    }

    /// A visitor's session. Writes nothing for somebody without a row.
    async fn open_visitor(
        &self,
        application: &Application,
        device: Option<DeviceToken>,
        said: Said,
        context: Context,
    ) -> Result<Session> {
        let now = self.clock.now();
        let of = application.organization_id;
        let (device, held) = self.visitor_slot(of, device, now).await?;
        let id = device.visitor_id;
        let mut warnings = said.warnings;
        let stored = held.is_some();
        let blank = Contact::new(of, id, Source::Visitor, now);
        let mut contact = held.clone().unwrap_or(blank);
        warnings.extend(contact.apply(&said.profile));
        contact.touch(&context, now);
        if held.is_some_and(|held| held != contact) {
            let profile = said.profile;
            let change = move |held: Option<Contact>| {
                let mut held = held.filter(Contact::is_visitor)?;
                held.apply(&profile);
                held.touch(&context, now);
                Some(held)
            };
            // Whoever logged in this moment keeps the row; the page learns it at its next call.
            self.store.change_contact(of, id, now, change).await?;
        }
        let mut session = self.visitor_session(application, device, contact, stored, now);
        session.warnings = warnings;
        Ok(session)
    }

    /// The visitor that a device token opens: its own, while that one is still nobody's, else a
    /// fresh one; and the row, where there is one.
    async fn visitor_slot(
        &self,
        of: OrganizationId,
        token: Option<DeviceToken>,
        now: Timestamp,
    ) -> Result<(DeviceToken, Option<Contact>)> {
        let fresh = DeviceId::generate(&*self.clock, &*self.entropy);
        let issued = now.seconds();
        let Some(token) = token else { return Ok((fresh_device(of, fresh, issued), None)) };
        let rows = self.store.visitor(of, &token).await?;
        Ok(match rows.slot(&token) {
            Slot::Retired => (fresh_device(of, fresh, issued), None),
            Slot::Over(epoch) => {
                let visitor_id = ContactId::of_visitor(fresh);
                (DeviceToken { visitor_id, epoch, issued, ..token }, None)
            }
            Slot::Open(row) => (DeviceToken { issued, ..token }, row.map(|row| *row)),
        })
    }

    /// An empty chat for a page whose identity was refused: never joined to anybody.
    fn clean_session(&self, application: &Application, now: Timestamp) -> Session {
        let fresh = DeviceId::generate(&*self.clock, &*self.entropy);
        let of = application.organization_id;
        let device = DeviceToken { clean: true, ..fresh_device(of, fresh, now.seconds()) };
        let contact = Contact::new(of, device.visitor_id, Source::Visitor, now);
        self.visitor_session(application, device, contact, false, now)
    }

    fn contact_session(
        &self,
        application: &Application,
        person: LoggedIn,
        now: Timestamp,
    ) -> Session {
        Session {
            token: self.keys.sign_session(&SessionToken::Contact(person.session)),
            expires_at: now.plus(CONTACT_LIFE),
            device_token: self.keys.sign_device(&person.device_token),
            contact: person.contact,
            identified: true,
            stored: true,
            form: application.form.clone(),
            show_form: false,
            settings: application.settings(),
            warnings: person.warnings,
        }
    }
}

/// A device nobody has seen before, its visitor being itself.
pub(super) fn fresh_device(of: OrganizationId, id: DeviceId, issued: i64) -> DeviceToken {
    DeviceToken {
        organization_id: of,
        device_id: id,
        visitor_id: ContactId::of_visitor(id),
        clean: false,
        epoch: 0,
        issued,
    }
}
