//! The applications of an organization, as its owners set them.

use std::{collections::HashMap, time::Duration};

use onethread_core::{ApplicationId, OrganizationId, PageSize, PageToken};
use onethread_errors::{Error, Field, Reason, Result};
use uuid::Uuid;

use super::App;
use crate::{
    domain::{
        application::{Application, ApplicationPatch, PreChatForm, check_number, check_secret},
        audit::Actor,
    },
    store::{ROUNDS, Refusals},
};

/// How far back refusals are told.
const REFUSALS_TOLD: Duration = Duration::from_secs(7 * 24 * 3600);

/// An application to be made.
pub(crate) struct NewApplication {
    /// The number it had elsewhere; 0 for the next that is free.
    pub(crate) number: i64,
    /// The secret it had elsewhere, or empty.
    pub(crate) secret: String,
    pub(crate) settings: ApplicationPatch,
}

/// What an application is called, without its secret.
pub(crate) enum ApplicationName {
    Number(i64),
    Id(ApplicationId),
}

impl App {
    /// Origins whose pages may hold the application's chat; none where there is no such one.
    pub(crate) async fn origins(
        &self,
        organization: String,
        application: ApplicationName,
    ) -> Result<Vec<String>> {
        let found = match application {
            ApplicationName::Number(number) => {
                self.store.application_by_number(organization, number).await?
            }
            ApplicationName::Id(id) => self.store.application_by_app_id(organization, id).await?,
        };
        Ok(found.map(|application| application.origins).unwrap_or_default())
    }

    pub(crate) async fn list_applications(
        &self,
        of: OrganizationId,
        size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<(Application, Vec<Refusals>)>, String)> {
        let bad_token = |_| Error::invalid("/cursor", "is not a cursor of this list");
        let after: Option<Uuid> = PageToken::decode(page_token).map_err(bad_token)?;
        let after = ApplicationId(after.unwrap_or_default());
        let mut found = self.store.list_applications(of, after, size).await?;
        let more = found.len() > size.rows();
        found.truncate(size.rows());
        let (Some(first), Some(last)) = (found.first(), found.last()) else {
            return Ok((Vec::new(), String::new()));
        };
        let next = if more { PageToken::encode(&last.id) } else { String::new() };
        let mut refusals = self.refusals(of, first.id, last.id).await?;
        let told = |application: Application| {
            let refused = refusals.remove(&application.id).unwrap_or_default();
            (application, refused)
        };
        Ok((found.into_iter().map(told).collect(), next))
    }

    /// Makes an application, with the number and the secret that pages know from elsewhere.
    pub(crate) async fn create_application(
        &self,
        of: OrganizationId,
        by: Actor,
        wanted: NewApplication,
    ) -> Result<Application> {
        let mut wrong = Vec::new();
        if let Some(Err(detail)) = Some(wanted.number).filter(|n| *n != 0).map(check_number) {
            wrong.push(Field::new("/applicationId", detail));
        }
        let secret = Some(wanted.secret).filter(|secret| !secret.is_empty());
        if let Some(Err(detail)) = secret.as_deref().map(check_secret) {
            wrong.push(Field::new("/applicationSecret", detail));
        }
        let settings = wanted.settings.settle().unwrap_or_else(|error| {
            wrong.extend(error.fields);
            ApplicationPatch::default()
        });
        if !wrong.is_empty() {
            return Err(Error::invalid_fields(wrong));
        }
        let mut new = Application {
            organization_id: of,
            id: ApplicationId::generate(&*self.clock, &*self.entropy),
            organization: String::new(),
            number: wanted.number,
            secret: secret.unwrap_or_else(|| self.random_text(24)),
            name: String::new(),
            form: PreChatForm::default(),
            origins: Vec::new(),
            look: serde_json::Map::new(),
        };
        new.apply(settings);
        for _ in 0..ROUNDS {
            match self.store.create_application(of, new.clone(), by, self.clock.now()).await {
                Ok(made) => return Ok(made),
                // Somebody took the number that was the next free one: there is another.
                Err(taken) if taken.is_unique_violation() && wanted.number == 0 => {}
                Err(taken) if taken.is_unique_violation() => {
                    return Err(Error::new(Reason::ApplicationExists));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::unavailable("every number was taken by others"))
    }

    pub(crate) async fn change_application(
        &self,
        of: OrganizationId,
        by: Actor,
        id: ApplicationId,
        patch: ApplicationPatch,
    ) -> Result<(Application, Vec<Refusals>)> {
        let (patch, now) = (patch.settle()?, self.clock.now());
        let changed = self.store.change_application(of, id, patch, by, now).await?;
        let application = changed.ok_or_else(Error::not_found)?;
        let mut refusals = self.refusals(of, id, id).await?;
        Ok((application, refusals.remove(&id).unwrap_or_default()))
    }

    async fn refusals(
        &self,
        of: OrganizationId,
        first: ApplicationId,
        last: ApplicationId,
    ) -> Result<HashMap<ApplicationId, Vec<Refusals>>> {
        let since = self.clock.now().minus(REFUSALS_TOLD);
        Ok(self.store.refusals(of, first, last, since).await?)
    }
}
