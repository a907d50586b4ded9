//! Logins that were refused, or that a policy which only reports would have refused: a count by
//! application and hour, and nothing else.

use std::collections::HashMap;

use onethread_core::{ApplicationId, OrganizationId, Timestamp};
use onethread_db::{Result, Time, on};
use sqlx::{query, query_as};

use super::{Store, rows::RefusalRow, sql};

/// In microseconds.
const HOUR: i64 = 3_600_000_000;

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
        let hour = hour_of(now);
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

    /// Refusals of the applications from the first to the last, both among them: the hours since
    /// that had any, newest first.
    pub(crate) async fn refusals(
        &self,
        of: OrganizationId,
        first: ApplicationId,
        last: ApplicationId,
        since: Timestamp,
    ) -> Result<HashMap<ApplicationId, Vec<Refusals>>> {
        let rows: Vec<RefusalRow> = self
            .db
            .read("refusal.list", move |mut conn| {
                Box::pin(async move {
                    Ok(on!(&mut conn, |c| query_as(sql::REFUSALS)
                        .bind(of.0)
                        .bind(first.0)
                        .bind(last.0)
                        .bind(Time(hour_of(since)))
                        .fetch_all(&mut **c)
                        .await)?)
                })
            })
            .await?;
        let mut refusals: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let of_hour = Refusals { hour: row.hour.into(), count: row.count };
            refusals.entry(ApplicationId(row.application_id)).or_default().push(of_hour);
        }
        Ok(refusals)
    }
}

/// The beginning of the hour.
fn hour_of(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.micros() - time.micros().rem_euclid(HOUR))
}
