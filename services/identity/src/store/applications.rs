//! Organizations and applications.

use onethread_core::{ApplicationId, OrganizationId, PageSize, Timestamp};
use onethread_db::{Conn, Json, Result, Time, on};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, agents, audit, rows::ApplicationRow, sql, storable};
use crate::domain::{
    application::{Application, ApplicationPatch},
    audit::{Actor, Change},
    people::{Agent, ApiKey},
};

/// An organization with all it needs to begin.
#[derive(Debug, Clone)]
pub(crate) struct NewOrganization {
    pub(crate) name: String,
    pub(crate) application: Application,
    pub(crate) owner: Agent,
    pub(crate) owner_password_hash: String,
    pub(crate) api_key: ApiKey,
    pub(crate) api_key_hash: Vec<u8>,
}

/// Writes an application.
async fn insert(conn: &mut Conn<'_>, application: &Application, now: Timestamp) -> Result<()> {
    on!(conn, |c| query(sql::INSERT_APPLICATION)
        .bind(application.organization_id.0)
        .bind(application.id.0)
        .bind(application.number)
        .bind(&application.secret)
        .bind(&application.name)
        .bind(Json(&application.form))
        .bind(Json(&application.origins))
        .bind(Json(&application.look))
        .bind(Time(now))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

fn change(actor: Actor, action: &'static str, id: ApplicationId) -> Change {
    Change { actor, action, subject: id.to_string(), detail: String::new() }
}

impl Store {
    /// The application of the classic snippet.
    pub(crate) async fn application_by_number(
        &self,
        organization: String,
        number: i64,
    ) -> Result<Option<Application>> {
        if !storable(&organization) {
            return Ok(None);
        }
        let row: Option<ApplicationRow> = self
            .db
            .read("application.by_number", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::APPLICATION_BY_NUMBER)
                        .bind(organization)
                        .bind(number)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(row.map(Application::from))
    }

    /// The application with this public id.
    pub(crate) async fn application_by_app_id(
        &self,
        organization: String,
        id: ApplicationId,
    ) -> Result<Option<Application>> {
        if !storable(&organization) {
            return Ok(None);
        }
        let row: Option<ApplicationRow> = self
            .db
            .read("application.by_app_id", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::APPLICATION_BY_APP_ID)
                        .bind(organization)
                        .bind(id.0)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(row.map(Application::from))
    }

    /// An application of the organization.
    pub(crate) async fn application(
        &self,
        of: OrganizationId,
        id: ApplicationId,
    ) -> Result<Option<Application>> {
        let row: Option<ApplicationRow> = self
            .db
            .read("application.get", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::APPLICATION)
                        .bind(of.0)
                        .bind(id.0)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(row.map(Application::from))
    }

    /// A page of the organization's applications, behind this one, and one more where there is.
    pub(crate) async fn list_applications(
        &self,
        of: OrganizationId,
        after: ApplicationId,
        size: PageSize,
    ) -> Result<Vec<Application>> {
        let rows: Vec<ApplicationRow> =
            self.page("application.list", sql::LIST_APPLICATIONS, of, after.0, size).await?;
        Ok(rows.into_iter().map(Application::from).collect())
    }

    /// Stores a new application. Without a number or a name it gets the next free number, or the
    /// organization's domain. A unique violation says that the number is taken.
    pub(crate) async fn create_application(
        &self,
        of: OrganizationId,
        mut new: Application,
        by: Actor,
        now: Timestamp,
    ) -> Result<Application> {
        let entropy = self.entropy.clone();
        self.db
            .write("application.create", move |mut conn| {
                Box::pin(async move {
                    new.organization = on!(&mut conn, |c| query_scalar(sql::ORGANIZATION_NAME)
                        .bind(of.0)
                        .fetch_one(&mut **c)
                        .await)?;
                    if new.name.is_empty() {
                        new.name.clone_from(&new.organization);
                    }
                    if new.number == 0 {
                        new.number =
                            on!(&mut conn, |c| query_scalar(sql::NEXT_APPLICATION_NUMBER)
                                .bind(of.0)
                                .fetch_one(&mut **c)
                                .await)?;
                    }
                    insert(&mut conn, &new, now).await?;
                    let change = change(by, "application.create", new.id);
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(new)
                })
            })
            .await
    }

    /// Changes an application; `None` when there is no such one in the organization.
    pub(crate) async fn change_application(
        &self,
        of: OrganizationId,
        id: ApplicationId,
        patch: ApplicationPatch,
        by: Actor,
        now: Timestamp,
    ) -> Result<Option<Application>> {
        let entropy = self.entropy.clone();
        let changed = self
            .db
            .write("application.change", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::APPLICATION, sql::APPLICATION_LOCKED);
                    let row: Option<ApplicationRow> = on!(&mut conn, |c| query_as(text)
                        .bind(of.0)
                        .bind(id.0)
                        .fetch_optional(&mut **c)
                        .await)?;
                    let Some(mut application) = row.map(Application::from) else { return Ok(None) };
                    application.apply(patch);
                    on!(&mut conn, |c| query(sql::UPDATE_APPLICATION)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(&application.name)
                        .bind(Json(&application.form))
                        .bind(Json(&application.origins))
                        .bind(Json(&application.look))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    let change = change(by, "application.change", id);
                    audit::record(&mut conn, of, &change, now, &*entropy).await?;
                    Ok(Some(application))
                })
            })
            .await;
        self.openings.forget();
        changed
    }

    /// True when there is an organization.
    pub(crate) async fn has_organization(&self) -> Result<bool> {
        let first: Option<Uuid> = self
            .db
            .read("organization.any", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_scalar(sql::FIRST_ORGANIZATION)
                        .fetch_optional(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(first.is_some())
    }

    /// Makes an organization with an application, an owner and an API key.
    pub(crate) async fn create_organization(
        &self,
        new: NewOrganization,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .write("organization.create", move |mut conn| {
                Box::pin(async move {
                    let of = new.owner.organization_id.0;
                    on!(&mut conn, |c| query(sql::INSERT_ORGANIZATION)
                        .bind(of)
                        .bind(&new.name)
                        .bind(Time(now))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    insert(&mut conn, &new.application, now).await?;
                    agents::insert(&mut conn, &new.owner, &new.owner_password_hash, now).await?;
                    on!(&mut conn, |c| query(sql::INSERT_API_KEY)
                        .bind(of)
                        .bind(new.api_key.id.0)
                        .bind(&new.api_key_hash)
                        .bind(Time(now))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    Ok(())
                })
            })
            .await
    }
}
