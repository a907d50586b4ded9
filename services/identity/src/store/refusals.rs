//! Logins that were refused, or that a policy which only reports would have refused: a count by
//! application and hour, and nothing else.

use onethread_core::{ApplicationId, OrganizationId, Timestamp};
use onethread_db::{Result, Time, on};
use sqlx::{query, query_as};

use super::{Store, rows::RefusalRow, sql};

const HOUR: i64 = 3_600_000_000;
/// Hours told of an application: a week.
const HOURS_TOLD: i64 = 168;

/// Refusals of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusals {
    /// Its beginning.
    pub(crate) hour: Timestamp,
    pub(crate) count: i64,
}

impl Store {
    /// Counts one.
    pub(crate) async fn count_refusal(
        &self,
        of: OrganizationId,
        application: ApplicationId,
        now: Timestamp,
    ) -> Result<()> {
        let hour = Timestamp::from_micros(now.micros() - now.micros().rem_euclid(HOUR));
        self.db
            .write("refusal.count", move |mut conn| {
                Box::pin(async move {
                    on!(&mut conn, |c| query(sql::COUNT_REFUSAL)
                        .bind(of.0)
                        .bind(application.0)
                        .bind(Time(hour))
                        .execute(&mut **c)
                        .await
                        .map(drop))?;
                    Ok(())
                })
            })
            .await
    }

    #[expect(dead_code, reason = "applications are listed by their own part")]
    /// The application's refusals of the last hours that had any, newest first.
    pub(crate) async fn refusals(
        &self,
        of: OrganizationId,
        application: ApplicationId,
    ) -> Result<Vec<Refusals>> {
        let rows: Vec<RefusalRow> = self
            .db
            .read("refusal.list", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::REFUSALS)
                        .bind(of.0)
                        .bind(application.0)
                        .bind(HOURS_TOLD)
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        let told = |row: RefusalRow| Refusals { hour: row.hour.into(), count: row.count };
        Ok(rows.into_iter().map(told).collect())
    }
}
