//! Starting the widget: a visitor's session, or a contact's where the page names a user id.

use std::{net::IpAddr, sync::Arc};

use onethread_core::{ApplicationId, ContactId, DeviceId, OrganizationId, Timestamp};
use onethread_db::transaction;
use onethread_errors::{Error, Reason, Result};
use subtle::ConstantTimeEq;
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::App,
    contact::domain::{
        contact::{Contact, Context, Source},
        user_details::{UserClaims, UserDetails},
    },
    domain::tokens::{CONTACT_LIFE, DeviceToken, SessionToken},
    organization::{
        domain::{application::Application, identity_key::SealedIdentityKey, policy::Rules},
        store::refusals,
    },
    session::{
        domain::{
            login::{AcceptedLogin, Decision, Login, LoginRows, decide},
            session::Session,
            visitor::VisitorState,
        },
        store::{
            application_cache::{self, ApplicationKey, CachedApplication},
            logins,
            rules::SealedRules,
        },
    },
};

/// Which application, in one of two forms.
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
    /// Of the page, where it belongs to another site.
    pub(crate) origin: String,
    /// The address of the caller, if it is known.
    pub(crate) address: Option<IpAddr>,
}

/// The outcome of an init.
#[derive(Debug)]
pub(crate) enum Identified {
    /// A visitor's session, or a contact's; and the contacts and devices whose sessions ended.
    Accepted(Session, Vec<Uuid>),
    /// A new visitor's session, as the identity was not proven.
    Rejected(Session),
}

impl App {
    /// Starts the widget. Returns the application that was named, too.
    ///
    /// # Errors
    ///
    /// `UnknownApplication`, `OriginRefused`, `Blocked`, and invalid fields of the identity.
    pub(crate) async fn identify(
        &self,
        command: IdentifyCommand,
    ) -> Result<(ApplicationId, Identified)> {
        let found = self.find_application(&command).await?;
        Ok((found.application.id, self.identify_at(&found, command).await?))
    }

    async fn identify_at(
        &self,
        found: &CachedApplication,
        command: IdentifyCommand,
    ) -> Result<Identified> {
        let application = &found.application;
        if !application.allows_origin(&command.origin) {
            return Err(Error::new(Reason::OriginRefused));
        }
        let organization = application.organization_id;
        if found.has_blocked_addresses {
            self.check_address(organization, command.address).await?;
        }
        let details = UserDetails::parse(&command.user)?;
        let now = self.clock.now();
        let device = self.keys.read_device(&command.device_token, organization, now);
        let Some(user_id) = details.user_id.clone() else {
            let session = self.open_visitor(application, device, details, command.context).await?;
            return Ok(Identified::Accepted(session, Vec::new()));
        };
        let login = Login {
            organization_id: organization,
            application_id: application.id,
            user_id,
            proofs: details.proofs,
            profile: details.profile,
            warnings: details.warnings,
            device,
            context: command.context,
            now,
            new_contact: ContactId::generate(&*self.clock, &*self.entropy),
            new_device: DeviceId::generate(&*self.clock, &*self.entropy),
            new_visitor: ContactId::generate(&*self.clock, &*self.entropy),
        };
        let decision = self.log_in(&login).await?;
        if decision.is_counted() {
            let counted = self.count_refusal(organization, application.id).await;
            // The init must not fail because the count can't be written.
            if let Err(error) = counted {
                warn!(cause = error.chain(), "a failed verification is not counted");
            }
        }
        Ok(match decision {
            Decision::Rejected => Identified::Rejected(self.clean_session(application, now)),
            Decision::Accepted(login) => {
                let AcceptedLogin { merge, ended, .. } = &*login;
                let ended = ended.clone();
                if let Some(merge) = merge {
                    self.wait_for_merge(organization, merge.id).await;
                }
                Identified::Accepted(self.contact_session(application, *login, now), ended)
            }
        })
    }

    async fn count_refusal(
        &self,
        organization: OrganizationId,
        application: ApplicationId,
    ) -> Result<()> {
        let mut conn = self.db.writer("refusal.count").await?;
        Ok(refusals::count(&mut conn, organization, application, self.clock.now()).await?)
    }

    /// Decides on one read, and opens a transaction only where something changes. There the login
    /// is decided again, on locked rows.
    async fn log_in(&self, login: &Login) -> Result<Decision> {
        let organization = login.organization_id;
        let read = logins::read(&mut self.db.reader("login.look").await?, login).await?;
        match self.decide(login, read) {
            Decision::Accepted(accepted) if !accepted.is_unchanged() => {}
            decision => return Ok(decision),
        }
        let decision = transaction!(self.db, "login.write", |tx| {
            let rows = logins::read_locked(tx, login).await?;
            let mut decision = self.decide(login, rows);
            if let Decision::Accepted(accepted) = &mut decision {
                logins::write(tx, accepted, login.now).await?;
                let effects = std::mem::take(&mut accepted.effects);
                self.record(tx, organization, effects).await?;
            }
            Ok(decision)
        })?;
        self.webhook_wake.notify_one();
        Ok(decision)
    }

    fn decide(&self, login: &Login, (mut rows, rules): (LoginRows, SealedRules)) -> Decision {
        let SealedRules { settings, keys } = rules;
        let open = |key: SealedIdentityKey| key.open(login.organization_id, &self.keys);
        let keys = keys.into_iter().filter_map(open).collect();
        rows.rules = Rules { settings, keys };
        decide(login, &rows, &self.keys)
    }

    /// An unknown organization, application or secret has the same answer after the same
    /// statement. A cached application is found only with all three.
    async fn find_application(&self, command: &IdentifyCommand) -> Result<Arc<CachedApplication>> {
        let unknown = || Error::new(Reason::UnknownApplication);
        let organization = command.organization.clone();
        let (key, secret) = match &command.application {
            Some(ApplicationRef::Numbered { number, secret }) => {
                (ApplicationKey::Number(organization, *number), Some(secret.as_bytes()))
            }
            Some(ApplicationRef::AppId(id)) => {
                (ApplicationKey::Id(organization, id.parse().map_err(|_| unknown())?), None)
            }
            None => return Err(unknown()),
        };
        let has_secret = |found: &Arc<CachedApplication>| {
            let stored = found.application.secret.as_bytes();
            secret.is_none_or(|secret| stored.ct_eq(secret).into())
        };
        if let Some(cached) = self.applications.get(&key).filter(has_secret) {
            return Ok(cached);
        }
        let read_time = self.applications.begin_read();
        let mut conn = self.db.reader("application.open").await?;
        let found = application_cache::read(&mut conn, &key).await?;
        let found = Arc::new(found.ok_or_else(unknown)?);
        self.applications.put(key, found.clone(), read_time);
        Some(found).filter(has_secret).ok_or_else(unknown)
    }

    /// A visitor's session. Nothing is written for a visitor without a row.
    async fn open_visitor(
        &self,
        application: &Application,
        device: Option<DeviceToken>,
        details: UserDetails,
        context: Context,
    ) -> Result<Session> {
        let now = self.clock.now();
        let organization = application.organization_id;
        let (device, stored) = self.visitor_of(organization, device, now).await?;
        let id = device.visitor_id;
        let mut warnings = details.warnings;
        let is_stored = stored.is_some();
        let new = Contact::new(organization, id, Source::Visitor, now);
        let mut visitor = stored.clone().unwrap_or(new);
        warnings.extend(visitor.apply(&details.profile));
        visitor.touch(&context, now);
        if stored.is_some_and(|stored| stored != visitor) {
            let change = |visitor: &mut Contact| {
                // It may have logged in meanwhile, which the page learns at its next call.
                if visitor.is_visitor() {
                    visitor.apply(&details.profile);
                    visitor.touch(&context, now);
                }
            };
            self.change_contact(organization, id, change).await?;
        }
        let mut session = self.visitor_session(application, device, visitor, is_stored, now);
        session.warnings = warnings;
        Ok(session)
    }

    /// The visitor of a device token, or a new one where the token's has ended; and its row, if it
    /// has one.
    async fn visitor_of(
        &self,
        organization: OrganizationId,
        token: Option<DeviceToken>,
        now: Timestamp,
    ) -> Result<(DeviceToken, Option<Contact>)> {
        let new = DeviceId::generate(&*self.clock, &*self.entropy);
        let issued = now.seconds();
        let Some(token) = token else { return Ok((new_device(organization, new, issued), None)) };
        Ok(match self.visitor_state(&token).await? {
            VisitorState::DeviceRetired => (new_device(organization, new, issued), None),
            VisitorState::Ended { epoch } => {
                let visitor_id = ContactId::of_visitor(new);
                (DeviceToken { visitor_id, epoch, issued, ..token }, None)
            }
            VisitorState::Active(row) => (DeviceToken { issued, ..token }, row.map(|row| *row)),
        })
    }

    /// An empty conversation for a page whose identity was rejected. It is never merged.
    fn clean_session(&self, application: &Application, now: Timestamp) -> Session {
        let new = DeviceId::generate(&*self.clock, &*self.entropy);
        let organization = application.organization_id;
        let device = DeviceToken { clean: true, ..new_device(organization, new, now.seconds()) };
        let visitor = Contact::new(organization, device.visitor_id, Source::Visitor, now);
        self.visitor_session(application, device, visitor, false, now)
    }

    fn contact_session(
        &self,
        application: &Application,
        login: AcceptedLogin,
        now: Timestamp,
    ) -> Session {
        Session {
            token: self.keys.sign_session(&SessionToken::Contact(login.session)),
            expires_at: now.plus(CONTACT_LIFE),
            device_token: self.keys.sign_device(&login.device_token),
            contact: login.contact,
            identified: true,
            stored: true,
            form: application.form.clone(),
            show_form: false,
            settings: application.settings(),
            warnings: login.warnings,
        }
    }
}

/// A new device with its first visitor.
pub(super) fn new_device(
    organization_id: OrganizationId,
    id: DeviceId,
    issued: i64,
) -> DeviceToken {
    DeviceToken {
        organization_id,
        device_id: id,
        visitor_id: ContactId::of_visitor(id),
        clean: false,
        epoch: 0,
        issued,
    }
}
