//! Webhooks and what was delivered to them.

use onethread_core::{OrganizationId, PageSize, Timestamp, WebhookId};
use onethread_db::{Conn, Error, Result, Time, on};
use sqlx::{query, query_as};
use uuid::Uuid;

use super::{
    Store, audit,
    conversation_facts::{interest, tell_interest},
    sql_webhooks as sql,
};
use crate::domain::{
    audit::{Actor, Change},
    keys::Sealed,
    webhook::{Delivery, Event, MOST, Webhook, bits},
};

#[derive(sqlx::FromRow)]
pub(super) struct WebhookRow {
    organization_id: Uuid,
    id: Uuid,
    url: String,
    events: i64,
    sealed: Vec<u8>,
    sealed_with: String,
    created_at: Time,
}

impl From<WebhookRow> for Webhook {
    fn from(row: WebhookRow) -> Self {
        Self {
            organization_id: OrganizationId(row.organization_id),
            id: WebhookId(row.id),
            url: row.url,
            events: Event::from_bits(row.events),
            secret: Sealed { bytes: row.sealed, key: row.sealed_with },
            created_at: row.created_at.0,
        }
    }
}

#[derive(sqlx::FromRow)]
struct DeliveryRow {
    id: Uuid,
    event: i64,
    attempts: i64,
    status: Option<i64>,
    failure: Option<String>,
    created_at: Time,
    tried_at: Option<Time>,
    due_at: Option<Time>,
}

impl TryFrom<DeliveryRow> for Delivery {
    type Error = Error;

    fn try_from(row: DeliveryRow) -> Result<Self> {
        let event = Event::from_bits(row.event).first().copied();
        Ok(Self {
            id: row.id,
            event: event.ok_or(Error::Corrupt("webhook_deliveries.event"))?,
            attempts: row.attempts,
            status: row.status,
            failure: row.failure,
            created_at: row.created_at.0,
            tried_at: row.tried_at.map(Timestamp::from),
            due_at: row.due_at.map(Timestamp::from),
        })
    }
}

/// What an owner does to a webhook.
#[derive(Debug, Clone)]
pub(crate) enum WebhookChange {
    /// A new one.
    Create(Webhook),
    /// Another address or other events; `None` stays.
    Update { url: Option<String>, events: Option<Vec<Event>> },
    /// It goes, and all that was to be delivered to it.
    Delete,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) enum WebhookChanged {
    /// The webhook as it is now, or was.
    Done(Webhook),
    /// There is none of this id.
    NotFound,
    /// There are as many as there may be.
    TooMany,
}

async fn all(conn: &mut Conn<'_>, of: OrganizationId) -> Result<Vec<Webhook>> {
    let rows: Vec<WebhookRow> =
        on!(conn, |c| query_as(sql::WEBHOOKS).bind(of.0).fetch_all(&mut **c).await)?;
    Ok(rows.into_iter().map(Webhook::from).collect())
}

impl Store {
    /// Makes, changes or deletes a webhook. Changes of one organization wait for each other.
    pub(crate) async fn change_webhook(
        &self,
        of: OrganizationId,
        id: WebhookId,
        change: WebhookChange,
        actor: Actor,
        now: Timestamp,
    ) -> Result<WebhookChanged> {
        let entropy = self.entropy.clone();
        self.db
            .write("webhook.change", move |mut conn| {
                Box::pin(async move {
                    let conn = &mut conn;
                    on!(&mut *conn, |c| query(sql::TOUCH_INTEREST)
                        .bind(of.0)
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    let before = interest(conn, of).await?;
                    let mut held = all(conn, of).await?;
                    let at = held.iter().position(|webhook| webhook.id == id);
                    let (action, changed) = match (change, at) {
                        (WebhookChange::Create(_), _) if held.len() >= MOST => {
                            return Ok(WebhookChanged::TooMany);
                        }
                        (WebhookChange::Create(new), _) => {
                            insert(conn, &new).await?;
                            held.push(new.clone());
                            ("webhook.created", new)
                        }
                        (_, None) => return Ok(WebhookChanged::NotFound),
                        (WebhookChange::Update { url, events }, Some(at)) => {
                            let webhook = &mut held[at];
                            webhook.url = url.unwrap_or_else(|| webhook.url.clone());
                            webhook.events = events.unwrap_or_else(|| webhook.events.clone());
                            update(conn, webhook).await?;
                            ("webhook.changed", webhook.clone())
                        }
                        (WebhookChange::Delete, Some(at)) => {
                            delete(conn, of, id).await?;
                            ("webhook.deleted", held.remove(at))
                        }
                    };
                    let wanted = held.iter().fold(0, |all, webhook| all | bits(&webhook.events));
                    on!(&mut *conn, |c| query(sql::SET_INTEREST)
                        .bind(of.0)
                        .bind(wanted)
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    tell_interest(conn, of, &before, wanted, now, &*entropy).await?;
                    let detail = changed.events.iter().map(|event| event.name());
                    let change = Change {
                        actor,
                        action,
                        subject: id.to_string(),
                        detail: detail.collect::<Vec<_>>().join(" "),
                    };
                    audit::record(conn, of, &change, now, &*entropy).await?;
                    Ok(WebhookChanged::Done(changed))
                })
            })
            .await
    }

    /// The webhooks of an organization, oldest first.
    pub(crate) async fn webhooks(&self, of: OrganizationId) -> Result<Vec<Webhook>> {
        self.db
            .read("webhook.list", move |mut conn| Box::pin(async move { all(&mut conn, of).await }))
            .await
    }

    /// What was or is to be delivered before an event (from the newest on without one), newest
    /// first, and whether more follows. `None` without such a webhook.
    pub(crate) async fn webhook_deliveries(
        &self,
        of: OrganizationId,
        id: WebhookId,
        before: Option<Uuid>,
        size: PageSize,
    ) -> Result<Option<(Vec<Delivery>, bool)>> {
        let before = before.unwrap_or(Uuid::max());
        let rows: Option<Vec<DeliveryRow>> = self
            .db
            .read("webhook.deliveries", move |mut conn| {
                Box::pin(async move {
                    if !all(&mut conn, of).await?.iter().any(|webhook| webhook.id == id) {
                        return Ok(None);
                    }
                    Ok(Some(on!(&mut conn, |c| query_as(sql::DELIVERIES)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(before)
                        .bind(size.limit_and_one())
                        .fetch_all(&mut **c)
                        .await)?))
                })
            })
            .await?;
        let Some(mut rows) = rows else { return Ok(None) };
        let more = rows.len() > size.rows();
        rows.truncate(size.rows());
        let deliveries = rows.into_iter().map(Delivery::try_from).collect::<Result<_>>()?;
        Ok(Some((deliveries, more)))
    }
}

async fn insert(conn: &mut Conn<'_>, webhook: &Webhook) -> Result<()> {
    on!(conn, |c| query(sql::INSERT_WEBHOOK)
        .bind(webhook.organization_id.0)
        .bind(webhook.id.0)
        .bind(&webhook.url)
        .bind(bits(&webhook.events))
        .bind(&webhook.secret.bytes)
        .bind(&webhook.secret.key)
        .bind(Time(webhook.created_at))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

async fn update(conn: &mut Conn<'_>, webhook: &Webhook) -> Result<()> {
    on!(conn, |c| query(sql::UPDATE_WEBHOOK)
        .bind(webhook.organization_id.0)
        .bind(webhook.id.0)
        .bind(&webhook.url)
        .bind(bits(&webhook.events))
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}

async fn delete(conn: &mut Conn<'_>, of: OrganizationId, id: WebhookId) -> Result<()> {
    on!(conn, |c| query(sql::DELETE_WEBHOOK)
        .bind(of.0)
        .bind(id.0)
        .execute(&mut **c)
        .await
        .map(drop))?;
    Ok(())
}
