//! What is due to be delivered to webhooks, in every organization: for the worker alone.

use std::time::Duration;

use onethread_core::{OrganizationId, Timestamp, WebhookId};
use onethread_db::{Result, Time, on};
use sqlx::{query, query_as};
use uuid::Uuid;

use super::{Store, sql_webhooks as sql, webhooks::WebhookRow};
use crate::domain::webhook::{MOST_WAITING, Webhook};

/// Why a delivery was given up that was never refused: too many waited.
const BACKLOG: &str = "backlog";

/// A delivery taken up.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Taken {
    /// Of the event.
    pub(crate) id: Uuid,
    pub(crate) body: String,
    /// Tries, this one included.
    pub(crate) attempts: i64,
    created_at: Time,
}

impl Taken {
    /// When the event was noted.
    pub(crate) fn created_at(&self) -> Timestamp {
        self.created_at.0
    }
}

/// What came of a try.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    /// HTTP status, where there was an answer.
    pub(crate) status: Option<u16>,
    /// What went wrong.
    pub(crate) failure: Option<&'static str>,
    pub(crate) at: Timestamp,
    /// When to try again.
    pub(crate) due: Option<Timestamp>,
}

impl Store {
    /// Webhooks to which something is due, those that wait longest first.
    pub(crate) async fn ready_webhooks(&self, now: Timestamp, most: i64) -> Result<Vec<Webhook>> {
        let rows: Vec<WebhookRow> = self
            .db
            .read("webhook.ready", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::READY)
                        .bind(Time(now))
                        .bind(most)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        Ok(rows.into_iter().map(Webhook::from).collect())
    }

    /// Takes up what is due to a webhook, and keeps it from other workers until `lease`.
    pub(crate) async fn take_deliveries(
        &self,
        of: OrganizationId,
        id: WebhookId,
        now: Timestamp,
        lease: Timestamp,
        most: i64,
    ) -> Result<Vec<Taken>> {
        self.db
            .write("webhook.take", move |mut conn| {
                Box::pin(async move {
                    let text = conn.pick(sql::CLAIM_SQLITE, sql::CLAIM_POSTGRES);
                    Ok(on!(&mut conn, |c| query_as(text)
                        .bind(of.0)
                        .bind(id.0)
                        .bind(Time(now))
                        .bind(Time(lease))
                        .bind(most)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await
    }

    /// Writes down what came of a try, unless another worker has taken the delivery up since.
    pub(crate) async fn settle_delivery(
        &self,
        of: OrganizationId,
        webhook: WebhookId,
        taken: &Taken,
        tried: Tried,
    ) -> Result<()> {
        let (id, attempts) = (taken.id, taken.attempts);
        self.db
            .write("webhook.settle", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(sql::SETTLE)
                        .bind(of.0)
                        .bind(webhook.0)
                        .bind(id)
                        .bind(attempts)
                        .bind(tried.status.map(i64::from))
                        .bind(tried.failure)
                        .bind(Time(tried.at))
                        .bind(tried.due.map(Time))
                        // Nothing is kept of what was said but that it was.
                        .bind(tried.due.is_none())
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    Ok(())
                })
            })
            .await
    }

    /// How many deliveries wait, counted to 10,000, and how long the first of them has been due.
    pub(crate) async fn webhook_queue(&self, now: Timestamp) -> Result<(f64, Duration)> {
        let (waiting, first): (i64, Option<Time>) = self
            .db
            .read("webhook.measure", |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::MEASURE)
                        .bind(MOST_WAITING)
                        .fetch_one(&mut **c)
                        .await)?)
                })
            })
            .await?;
        #[expect(clippy::cast_precision_loss, reason = "it is counted no further than 10,000")]
        let waiting = waiting as f64;
        Ok((waiting, first.map_or(Duration::ZERO, |first| now.since(first.0))))
    }

    /// Gives up the oldest of what waits for a webhook, where more than so many do. Answers how
    /// many of whose.
    pub(crate) async fn give_up_oldest(
        &self,
        most: i64,
    ) -> Result<Vec<(OrganizationId, WebhookId, i64)>> {
        let overfull: Vec<(Uuid, Uuid, i64)> = self
            .db
            .read("webhook.overfull", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::OVERFULL)
                        .bind(most)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        let mut given_up = Vec::new();
        for (of, webhook, waiting) in overfull {
            let too_many = waiting - most;
            self.db
                .write("webhook.give_up", move |mut conn| {
                    Box::pin(async move {
                        on!(&mut conn, |c| query(sql::GIVE_UP_OLDEST)
                            .bind(of)
                            .bind(webhook)
                            .bind(too_many)
                            .bind(BACKLOG)
                            .execute(&mut **c)
                            .await
                            .map(drop))?;
                        Ok(())
                    })
                })
                .await?;
            given_up.push((OrganizationId(of), WebhookId(webhook), too_many));
        }
        Ok(given_up)
    }

    /// Forgets what was noted for webhooks before this.
    pub(crate) async fn forget_deliveries(&self, before: Timestamp) -> Result<()> {
        self.db
            .write("webhook.forget", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(sql::DELETE_OLD_DELIVERIES)
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
