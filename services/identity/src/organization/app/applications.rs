//! Applications of an organization, as owners manage them.

use std::{collections::HashMap, time::Duration};

use onethread_core::{ApplicationId, OrganizationId, PageSize};
use onethread_db::transaction;
use onethread_errors::{Error, Field, Reason, Result};

use crate::{
    app::{
        App,
        page::{next_page_token, page_start},
    },
    organization::{
        domain::{
            application::{
                self, Application, ApplicationPatch, PreChatForm, check_number, check_secret,
            },
            audit::Actor,
            settings::Settings,
        },
        store::{
            applications, organizations,
            refusals::{self, RefusedHour},
        },
    },
    store::effects,
};

/// Period for which failed verifications are listed.
const REFUSALS_PERIOD: Duration = Duration::from_secs(7 * 24 * 3600);

/// An application to be created.
pub(crate) struct NewApplication {
    /// The number it had in another system; 0 for the next free one.
    pub(crate) number: i64,
    /// The secret it had in another system, or empty.
    pub(crate) secret: String,
    pub(crate) settings: ApplicationPatch,
}

/// The number or public id of an application.
pub(crate) enum ApplicationName {
    Number(i64),
    Id(ApplicationId),
}

/// An application and its failed verifications by hour.
pub(crate) struct ListedApplication {
    pub(crate) application: Application,
    pub(crate) refused: Vec<RefusedHour>,
}

impl App {
    /// Origins whose pages may show the application's widget. Empty when there is no such
    /// application.
    pub(crate) async fn origins(
        &self,
        domain: &str,
        application: ApplicationName,
    ) -> Result<Vec<String>> {
        let found = match application {
            ApplicationName::Number(number) => {
                let mut conn = self.db.reader("application.by_number").await?;
                applications::by_number(&mut conn, domain, number).await?
            }
            ApplicationName::Id(id) => {
                let mut conn = self.db.reader("application.by_app_id").await?;
                applications::by_app_id(&mut conn, domain, id).await?
            }
        };
        Ok(found.map(|application| application.origins).unwrap_or_default())
    }

    /// A page of applications, and the token of the next one.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` for an invalid page token.
    pub(crate) async fn list_applications(
        &self,
        organization: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<ListedApplication>, String)> {
        let after = ApplicationId(page_start(page_token)?.unwrap_or_default());
        let mut conn = self.db.reader("application.list").await?;
        let mut page = applications::page(&mut conn, organization, after, size).await?;
        drop(conn);
        let next = next_page_token(&mut page, size, |application| application.id.0);
        let (Some(first), Some(last)) = (page.first(), page.last()) else {
            return Ok((Vec::new(), String::new()));
        };
        let mut refusals = self.refusals(organization, (first.id, last.id)).await?;
        let listed = |application: Application| {
            let refused = refusals.remove(&application.id).unwrap_or_default();
            ListedApplication { application, refused }
        };
        Ok((page.into_iter().map(listed).collect(), next))
    }

    /// Creates an application, with the number and the secret that pages have from another system
    /// when they are given.
    ///
    /// # Errors
    ///
    /// `NotFound`, `InvalidArgument`, or `ApplicationExists` when the number is taken.
    pub(crate) async fn create_application(
        &self,
        organization: OrganizationId,
        actor: Actor,
        new: NewApplication,
    ) -> Result<Application> {
        let new = self.new_application(organization, new)?;
        let now = self.clock.now();
        transaction!(self.db, "application.create", |tx| {
            let settings = organizations::settings(tx, organization).await?;
            let Settings { name: domain, .. } = settings.ok_or_else(Error::not_found)?;
            let mut application = new.clone();
            if application.name.is_empty() {
                application.name.clone_from(&domain);
            }
            application.organization = domain;
            if application.number == 0 {
                application.number = applications::next_number(tx, organization).await?;
            }
            let inserted = applications::insert(tx, &application, now).await;
            inserted.map_err(|error| match error {
                // Another call used the next free number: the retry finds another one.
                duplicate if duplicate.is_unique_violation() && new.number == 0 => {
                    onethread_db::Error::Conflict.into()
                }
                duplicate if duplicate.is_unique_violation() => {
                    Error::new(Reason::ApplicationExists)
                }
                error => error.into(),
            })?;
            let effects = application::created(application.id, actor);
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(application)
        })
    }

    /// Validates the fields; the error names all that are invalid.
    fn new_application(
        &self,
        organization: OrganizationId,
        new: NewApplication,
    ) -> Result<Application> {
        let mut invalid = Vec::new();
        if let Some(Err(detail)) = Some(new.number).filter(|n| *n != 0).map(check_number) {
            invalid.push(Field::new("application.number", detail));
        }
        let secret = Some(new.secret).filter(|secret| !secret.is_empty());
        if let Some(Err(detail)) = secret.as_deref().map(check_secret) {
            invalid.push(Field::new("application.secret", detail));
        }
        let settings = new.settings.normalize().unwrap_or_else(|error| {
            invalid.extend(error.fields);
            ApplicationPatch::default()
        });
        if !invalid.is_empty() {
            return Err(Error::invalid_fields(invalid));
        }
        let mut application = Application {
            organization_id: organization,
            id: ApplicationId::generate(&*self.clock, &*self.entropy),
            organization: String::new(),
            number: new.number,
            secret: secret.unwrap_or_else(|| self.random_text(24)),
            name: String::new(),
            form: PreChatForm::default(),
            origins: Vec::new(),
            look: serde_json::Map::new(),
        };
        application.apply(settings);
        Ok(application)
    }

    /// Changes an application.
    ///
    /// # Errors
    ///
    /// `InvalidArgument`, or `NotFound`.
    pub(crate) async fn change_application(
        &self,
        organization: OrganizationId,
        actor: Actor,
        id: ApplicationId,
        patch: ApplicationPatch,
    ) -> Result<ListedApplication> {
        let (patch, now) = (patch.normalize()?, self.clock.now());
        let changed: Result<Application> = transaction!(self.db, "application.change", |tx| {
            let found = applications::locked_by_id(tx, organization, id).await?;
            let mut application = found.ok_or_else(Error::not_found)?;
            let effects = application.change(patch.clone(), actor);
            applications::update(tx, &application).await?;
            effects::record(tx, organization, effects, now, &*self.entropy).await?;
            Ok(application)
        });
        self.applications.clear();
        let application = changed?;
        let mut refusals = self.refusals(organization, (id, id)).await?;
        let refused = refusals.remove(&id).unwrap_or_default();
        Ok(ListedApplication { application, refused })
    }

    async fn refusals(
        &self,
        organization: OrganizationId,
        applications: (ApplicationId, ApplicationId),
    ) -> Result<HashMap<ApplicationId, Vec<RefusedHour>>> {
        let since = self.clock.now().minus(REFUSALS_PERIOD);
        let mut conn = self.db.reader("refusal.list").await?;
        Ok(refusals::list(&mut conn, organization, applications, since).await?)
    }
}
