//! Forgetting, in every organization at once.

use onethread_core::Timestamp;
use onethread_db::{Result, Time, on};
use sqlx::query;

use super::{Store, sql};

impl Store {
    /// Forgets revocations, answers to import batches and counts of refusals from before the given
    /// times, and logins that ran out by `now`.
    pub(crate) async fn forget(
        &self,
        revocations: Timestamp,
        batches: Timestamp,
        refusals: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.db
            .write("clean_up", move |mut conn| {
                Box::pin(async move {
                    for (text, before) in [
                        (sql::DELETE_OLD_REVOCATIONS, revocations),
                        (sql::DELETE_OLD_BATCHES, batches),
                        (sql::DELETE_OLD_REFUSALS, refusals),
                        (sql::DELETE_OLD_LOGINS, now),
                    ] {
                        on!(&mut conn, |c| query(text)
                            .bind(Time(before))
                            .execute(&mut **c)
                            .await
                            .map(drop))?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
