//! Events that pages told of people.

use onethread_core::{ContactId, OrganizationId, Timestamp, new_uuid};
use onethread_db::{Conn, Json, Result, Time, on};
use serde_json::{Map, Value};
use sqlx::{query, query_as};

use super::{
    Store,
    contacts::{self, Lock},
    sql,
};
use crate::domain::events::{Event, KEPT, SHOWN};

#[derive(sqlx::FromRow)]
struct EventRow {
    name: String,
    data: Json<Map<String, Value>>,
    created_at: Time,
}

/// Forgets the oldest of too many.
pub(super) async fn trim(conn: &mut Conn<'_>, of: OrganizationId, id: ContactId) -> Result<()> {
    on!(conn, |c| query(sql::TRIM_EVENTS)
        .bind(of.0)
        .bind(id.0)
        .bind(KEPT - 1)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

impl Store {
    /// Keeps an event of somebody with a row, and forgets the oldest of too many.
    pub(crate) async fn keep_event(
        &self,
        of: OrganizationId,
        id: ContactId,
        event: Event,
    ) -> Result<()> {
        let event_id = new_uuid(event.at, &*self.entropy);
        self.db
            .write("event.keep", move |mut conn| {
                Box::pin(async move {
                    if contacts::by_id(&mut conn, of, id, Lock::Yes).await?.is_none() {
                        return Ok(());
                    }
                    on!(&mut conn, |c| query(sql::INSERT_EVENT)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(event_id)
                        .bind(&event.name)
                        .bind(Json(&event.data))
                        .bind(Time(event.at))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    trim(&mut conn, of, id).await
                })
            })
            .await
    }

    /// The last events of somebody, newest first.
    pub(crate) async fn last_events(
        &self,
        of: OrganizationId,
        id: ContactId,
    ) -> Result<Vec<Event>> {
        let rows: Vec<EventRow> = self
            .db
            .read("event.last", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::LAST_EVENTS)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(SHOWN)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        let event =
            |row: EventRow| Event { name: row.name, data: row.data.0, at: row.created_at.0 };
        Ok(rows.into_iter().map(event).collect())
    }

    /// Forgets events from before a time, in every organization.
    pub(crate) async fn forget_events(&self, before: Timestamp) -> Result<()> {
        self.db
            .write("event.forget", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(sql::DELETE_OLD_EVENTS)
                        .bind(Time(before))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    Ok(())
                })
            })
            .await
    }
}
