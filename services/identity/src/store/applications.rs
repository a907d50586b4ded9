//! Organizations and applications.

use onethread_core::{ApplicationId, OrganizationId, Timestamp};
use onethread_db::{Json, Result, Time, on};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use super::{Store, agents, rows::ApplicationRow, sql, storable};
use crate::domain::{
    application::{Application, PreChatForm},
    people::{Agent, ApiKey},
};

/// An organization with all it needs to begin.
#[derive(Debug, Clone)]
pub(crate) struct NewOrganization {
    pub(crate) name: String,
    pub(crate) application_id: ApplicationId,
    pub(crate) application_number: i64,
    pub(crate) application_secret: String,
    pub(crate) owner: Agent,
    pub(crate) owner_password_hash: String,
    pub(crate) api_key: ApiKey,
    pub(crate) api_key_hash: Vec<u8>,
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
                    on!(&mut conn, |c| query(sql::INSERT_APPLICATION)
                        .bind(of)
                        .bind(new.application_id.0)
                        .bind(new.application_number)
                        .bind(&new.application_secret)
                        .bind(&new.name)
                        .bind(Json(PreChatForm::default()))
                        .bind(Time(now))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
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
